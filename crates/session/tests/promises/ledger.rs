//! What went to the servers and what came back, held against the promises.

use super::asked::Book;
use super::limits::Limited;
use super::replies::{right_reply, spoilt, take_adu};
use super::scene::Scene;
use super::site::{DEADLINE_NS, REPLY_TIMEOUT_NS};
use event::Event;
use std::collections::HashMap;
use wire::{Expectation, ReplyTolerance, parse_request, parse_response};

#[derive(Default)]
pub struct Ledger {
    pub book: Book,
    /// Nothing may be routed from here any more.
    pub is_detached: bool,
    /// The session ended while it read a piece of the client's stream.
    pub was_cut_short: bool,
    pub finishes: usize,
    pub resets: usize,
    from_client: Vec<u8>,
    client_is_lost: bool,
    legs: HashMap<u8, Connection>,
    sent: Vec<Sent>,
    /// Replies that must reach their clients now.
    owed: Vec<(usize, Vec<u8>)>,
    /// Replies that nobody waits for.
    strays: usize,
    /// A connection was lost: what was still to be read of it is nothing now.
    has_lost: bool,
    limited: Limited,
    /// Bytes on their way where they pass as they come.
    passing_out: Vec<u8>,
    passing_in: Vec<u8>,
}

/// One connection to a server.
#[derive(Default)]
struct Connection {
    inbox: Vec<u8>,
    /// Bytes that left since it was made.
    left: usize,
    echoes_ids: bool,
    last_sent: Option<usize>,
}

/// A request on a connection that is still there.
struct Sent {
    leg: u8,
    own_id: u16,
    unit: u8,
    pdu: Vec<u8>,
    asked: usize,
    at_ns: u64,
    awaits_reply: bool,
    changes_state: bool,
    /// Where its last byte stands, and until when that must have left.
    leave: (usize, Option<u64>),
    is_open: bool,
}

impl Ledger {
    pub fn client_sent(&mut self, bytes: &[u8], scene: Scene) {
        if scene.passes_bytes {
            self.passing_out.extend_from_slice(bytes);
        }
        self.from_client.extend_from_slice(bytes);
        while !self.client_is_lost {
            match take_adu(&mut self.from_client) {
                Ok(Some(adu)) => self.book.arrive(adu, scene),
                Ok(None) => return,
                Err(()) => self.client_is_lost = true,
            }
        }
    }

    /// Rows say what ended; a write that ended without its reply leaves its value unknown.
    pub fn read_rows(&mut self, events: &[Event], scene: Scene) {
        self.book.read_rows(events, scene);
        for asked in self.book.failed() {
            if let Ok(request) = parse_request(&asked.pdu, true) {
                self.limited.forget(asked.unit, &request);
            }
        }
    }

    /// New bytes for a server, of an engine that frames; `pending` bytes wait there in all.
    pub fn server_gets(&mut self, (leg, bytes, pending): (u8, &[u8], usize), scene: Scene) {
        let mut rest = bytes.to_vec();
        while let Some((own_id, unit, pdu)) = take_adu(&mut rest).expect("whole requests") {
            let end = self.legs.entry(leg).or_default().left + pending - rest.len();
            self.forward((leg, own_id, end), (unit, pdu), scene);
        }
        assert!(rest.is_empty(), "bytes that are no request reached a server");
    }

    fn forward(&mut self, (leg, own_id, end): (u8, u16, usize), (unit, pdu): (u8, Vec<u8>), scene: Scene) {
        let request = parse_request(&pdu, scene.choices.is_tolerant).expect("only requests are forwarded");
        assert!(!self.is_detached, "forwarded to a server that no policy names any more");
        assert_eq!(scene.choices.leg(unit), Some(leg), "another server's request");
        let is_permitted = !scene.enforces() || scene.variant.permits(scene.choices, unit, &request);
        assert!(is_permitted, "forwarded without a permit: {request:?}");
        let is_taken = self.sent.iter().any(|sent| sent.is_open && sent.leg == leg && sent.own_id == own_id);
        assert!(!is_taken && own_id != 0, "a transaction id is open twice");
        let connection = self.legs.entry(leg).or_default();
        let asked = self.book.send((unit, &pdu), connection.last_sent, scene);
        connection.last_sent = Some(asked);
        let changes_state = request.can_change_state();
        let awaits_reply = !scene.choices.is_broadcast(unit) && Expectation::of(&request).expects_reply();
        let by = (scene.enforces() && changes_state).then(|| self.book.of(asked).at_ns + DEADLINE_NS);
        self.limited.forward(unit, &request, scene);
        let at_ns = scene.now.monotonic_ns;
        let leave = (end, by);
        self.sent.push(Sent {
            leg,
            own_id,
            unit,
            pdu,
            asked,
            at_ns,
            awaits_reply,
            changes_state,
            leave,
            is_open: true,
        });
    }

    /// A socket took so many bytes of a server's buffer.
    pub fn left(&mut self, leg: u8, bytes: usize, now_ns: u64) {
        let connection = self.legs.entry(leg).or_default();
        let before = connection.left;
        connection.left += bytes;
        let leaves = before + 1..=connection.left;
        for sent in self.sent.iter().rev().filter(|sent| sent.is_open && sent.leg == leg) {
            let is_late = sent.leave.1.is_some_and(|by| now_ns >= by);
            assert!(!(is_late && leaves.contains(&sent.leave.0)), "a write left after its deadline");
        }
    }

    /// A connection begins or is gone: nothing is owed on it.
    pub fn connected(&mut self, leg: u8) {
        let last_sent = self.legs.remove(&leg).and_then(|connection| connection.last_sent);
        self.legs.insert(leg, Connection { last_sent, ..Connection::default() });
        self.sent.iter_mut().filter(|sent| sent.leg == leg).for_each(|sent| sent.is_open = false);
        self.has_lost = true;
    }

    pub fn server_sent(&mut self, leg: u8, bytes: &[u8], scene: Scene) {
        if scene.passes_bytes {
            return self.passing_in.extend_from_slice(bytes);
        }
        let mut stream = std::mem::take(&mut self.legs.entry(leg).or_default().inbox);
        stream.extend_from_slice(bytes);
        while let Ok(Some((own_id, unit, pdu))) = take_adu(&mut stream) {
            self.take_reply((leg, own_id, unit), pdu);
        }
        self.legs.entry(leg).or_default().inbox = stream;
    }

    fn take_reply(&mut self, (leg, own_id, unit): (u8, u16, u8), pdu: Vec<u8>) {
        let book = &self.book;
        let is_its = |sent: &Sent| {
            let is_waited_for = sent.is_open && sent.awaits_reply && !book.of(sent.asked).is_ended();
            is_waited_for && (sent.leg, sent.own_id, sent.unit) == (leg, own_id, unit)
        };
        let Some(at) = self.sent.iter().position(is_its) else {
            self.strays += 1;
            return;
        };
        let sent = &mut self.sent[at];
        sent.is_open = false;
        self.legs.entry(leg).or_default().echoes_ids = true;
        let request = parse_request(&sent.pdu, true).unwrap();
        match parse_response(&Expectation::of(&request), &pdu, ReplyTolerance::default()) {
            Ok(_) => {
                self.limited.learn(unit, &request, (&pdu, sent.at_ns));
                self.owed.push((at, pdu));
            }
            Err(_) => self.limited.forget(unit, &request),
        }
    }

    /// Right replies reach their clients at once or, where the session ends, never; others reach nobody, and a row says so.
    pub fn check_replies(&mut self, is_over: bool, scene: Scene) {
        let is_exact = !scene.choices.is_tolerant && !scene.passes_bytes && !is_over && !self.has_lost;
        assert!(!is_exact || self.owed.is_empty(), "a right reply was withheld");
        let told = self.book.unsolicited;
        assert!(!is_exact || told == self.strays, "{told} rows tell of {} replies nobody waited for", self.strays);
        self.owed.clear();
        (self.strays, self.has_lost) = (0, false);
    }

    pub fn client_gets(&mut self, bytes: &[u8], scene: Scene) {
        let mut bytes = bytes.to_vec();
        while let Some(adu) = take_adu(&mut bytes).expect("whole replies") {
            self.answer(&adu, scene);
        }
        assert!(bytes.is_empty(), "bytes that are no reply reached the client");
    }

    fn answer(&mut self, (id, unit, pdu): &(u16, u8, Vec<u8>), scene: Scene) {
        let is_its = |(at, reply): &(usize, Vec<u8>)| {
            let sent = &self.sent[*at];
            // What came before the timer was served is in time.
            let is_late = !scene.timers_are_late && scene.now.monotonic_ns >= sent.at_ns + REPLY_TIMEOUT_NS;
            reply == pdu && sent.unit == *unit && !is_late && self.book.of(sent.asked).id == *id
        };
        if let Some(found) = self.owed.iter().position(is_its) {
            let (at, _) = self.owed.remove(found);
            let bytes = &self.sent[at].pdu;
            let is_new = self.book.answered((*id, *unit), |asked| asked.pdu == *bytes && asked.sent_ns.is_some());
            return assert!(is_new, "a request was answered twice");
        }
        let is_guards =
            pdu.len() == 2 && self.book.answered((*id, *unit), |asked| Book::is_refused_with(asked, (pdu[0], pdu[1])));
        // What a device is granted makes more than one reading of its reply right; it still answers what went out.
        let could_be = scene.choices.is_tolerant;
        let is_granted = could_be
            && !is_guards
            && self.book.answered((*id, *unit), |asked| {
                asked.sent_ns.is_some() && asked.pdu.first().is_some_and(|code| *code == pdu[0] & 0x7F)
            });
        assert!(is_guards || is_granted, "a reply that no server gave to this request: {id} {unit} {pdu:02X?}");
    }

    /// Bytes pass whole and at once.
    pub fn passed_to_server(&mut self, bytes: &[u8]) {
        assert_eq!(self.passing_out, bytes, "bytes pass to the server as they come");
        self.passing_out.clear();
    }

    pub fn passed_to_client(&mut self, bytes: &[u8]) {
        assert_eq!(self.passing_in, bytes, "bytes pass to the client as they come");
        self.passing_in.clear();
    }

    /// The other engine goes on: what the client has begun to say.
    pub fn begun(&self) -> &[u8] {
        &self.from_client
    }

    /// A write without its reply takes the connection with it; a read too, unless ids are known to be echoed.
    pub fn check_silence(&self, scene: Scene) {
        if scene.choices.is_tolerant {
            // Which request a granted reply ended is not known from here.
            return;
        }
        let now_ns = scene.now.monotonic_ns;
        let recent = |sent: &&Sent| now_ns < sent.at_ns + 30 * REPLY_TIMEOUT_NS;
        for sent in self.sent.iter().rev().take_while(recent) {
            let is_silent = sent.is_open && sent.awaits_reply && now_ns >= sent.at_ns + REPLY_TIMEOUT_NS;
            let may_stay = !sent.changes_state && self.legs.get(&sent.leg).is_some_and(|leg| leg.echoes_ids);
            assert!(!is_silent || may_stay, "a reply may still come of {:02X?}", sent.pdu);
        }
    }

    /// A connection ends without a reset: no write of it may be under way, for its bytes could still arrive.
    pub fn finished(&self, leg: u8, scene: Scene) {
        let is_owed = |sent: &Sent| sent.is_open && sent.leg == leg && sent.changes_state && sent.awaits_reply;
        let is_clean = scene.choices.is_tolerant || !self.sent.iter().any(is_owed);
        assert!(is_clean, "a write is under way on a connection that is closed and not reset");
    }

    /// The bytes of a reply to one of a server's requests, right or wrong.
    pub fn made_reply(&self, leg: u8, pick: u8, how: u8) -> Option<Vec<u8>> {
        let mut recent = self.sent.iter().rev().filter(|sent| sent.leg == leg).take(8);
        let count = recent.clone().count();
        let sent = recent.nth(usize::from(pick) % count.max(1))?;
        spoilt((sent.own_id, sent.unit, right_reply(&sent.pdu)), how)
    }
}
