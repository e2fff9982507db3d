//! What was asked, recorded, forwarded and answered; and the promises it is held against.

use super::site::{DEADLINE_NS, OPEN_REQUESTS, QUEUED_REQUESTS, REPLY_TIMEOUT_NS};
use super::world::World;
use event::{Event, Kind, Sequence};
use session::{Leg, Session};
use std::collections::{HashMap, HashSet};
use wire::{Expectation, PduLimit, ReplyTolerance, TransactionId, UnitId};
use wire::{append_adu, build, parse_reply_adu, parse_request, parse_response};

/// Where reading stops; beyond it stands at most what one piece and all open requests can add.
const BUFFER_BYTES: usize = 64 * 1024 + 16 * 1024;
/// Requests an observer remembers.
const OBSERVED_REQUESTS: usize = 256;

const LONG_REPLIES: ReplyTolerance = ReplyTolerance { trailing_bytes: false, over_quantity: true };

type Adu = (u16, u8, Vec<u8>);

#[derive(Default)]
pub struct Ledger {
    pub durable: HashSet<Sequence>,
    pub lost: HashSet<Sequence>,
    /// Two engines took turns: what passes is no longer told apart.
    pub is_mixed: bool,
    /// The servers are others now.
    pub is_moved: bool,
    /// The session ended while it read a piece of the client's stream.
    pub was_cut_short: bool,
    pub finishes: usize,
    pub resets: usize,
    from_client: Vec<u8>,
    client_is_lost: bool,
    /// Each request as it arrived, and when.
    arrived: Vec<(Adu, u64)>,
    forwarded: Vec<Forwarded>,
    /// Rows that already stand for a forwarded request.
    used_rows: HashSet<Sequence>,
    from_servers: HashMap<u8, Vec<u8>>,
    deliverable: Vec<(usize, Vec<u8>)>,
    replies: HashMap<(u16, u8, u8), usize>,
    /// Bytes on their way where they pass as they come.
    passing_out: Vec<u8>,
    passing_in: Vec<u8>,
}

struct Forwarded {
    leg: u8,
    own_id: u16,
    unit: u8,
    pdu: Vec<u8>,
    at_ns: u64,
    /// Bytes of it and before it that have not left yet.
    to_leave: usize,
    /// Until when its last byte must have left.
    leave_by: Option<u64>,
    is_open: bool,
    was_answered: bool,
}

impl Ledger {
    pub fn client_sent(&mut self, bytes: &[u8], now_ns: u64) {
        self.passing_out.extend_from_slice(bytes);
        self.from_client.extend_from_slice(bytes);
        while !self.client_is_lost {
            match take_adu(&mut self.from_client) {
                Ok(Some(adu)) => self.arrived.push((adu, now_ns)),
                Ok(None) => return,
                Err(()) => self.client_is_lost = true,
            }
        }
    }

    /// New bytes for a server, of an engine that frames.
    pub fn to_server(world: &mut World, leg: u8, bytes: &[u8]) {
        if world.ledger.is_mixed {
            return;
        }
        let mut bytes = bytes.to_vec();
        while let Some(adu) = take_adu(&mut bytes).expect("whole requests") {
            Self::forward(world, leg, adu);
        }
        assert!(bytes.is_empty(), "bytes that are no request reached a server");
    }

    fn forward(world: &mut World, leg: u8, (own_id, unit, pdu): Adu) {
        let (now_ns, enforces, tolerant) = (world.now.monotonic_ns, !world.observes(), world.choices.is_tolerant);
        let request = parse_request(&pdu, tolerant).expect("only requests are forwarded");
        assert_eq!(world.choices.leg(unit), Some(leg), "another server's request");
        assert!(!enforces || world.variant.permits(&request), "forwarded without a permit: {request:?}");
        let ledger = &mut world.ledger;
        let is_same = |(other_unit, other): (u8, &Vec<u8>)| other_unit == unit && *other == pdu;
        let asked = ledger.arrived.iter().filter(|((_, unit, pdu), _)| is_same((*unit, pdu)));
        let before = ledger.forwarded.iter().filter(|before| is_same((before.unit, &before.pdu))).count();
        let last_asked_ns = asked.clone().map(|(_, at)| *at).max();
        assert!(before < asked.count(), "nobody asked this, or it was sent twice: {request:?}");
        let is_taken = ledger.forwarded.iter().any(|open| open.is_open && open.leg == leg && open.own_id == own_id);
        assert!(!is_taken && own_id != 0, "a transaction id is open twice");
        let changes_state = request.can_change_state();
        let deadline_ns = last_asked_ns.unwrap_or_default() + DEADLINE_NS;
        assert!(!(enforces && changes_state) || now_ns < deadline_ns, "forwarded after its deadline");
        if changes_state {
            Self::check_row(world, (unit, &pdu), enforces);
        }
        let ledger = &mut world.ledger;
        let waiting = ledger.forwarded.iter().filter(|open| open.is_open && open.leg == leg);
        let to_leave = waiting.map(|open| open.to_leave).max().unwrap_or_default() + 7 + pdu.len();
        let leave_by = (enforces && changes_state).then_some(deadline_ns);
        let open =
            Forwarded { leg, own_id, unit, pdu, at_ns: now_ns, to_leave, leave_by, is_open: true, was_answered: false };
        ledger.forwarded.push(open);
    }

    /// A row of its own stands before a request that can change state; durable, unless the operator chose otherwise.
    fn check_row(world: &mut World, (unit, pdu): (u8, &[u8]), enforces: bool) {
        let request = parse_request(pdu, true).unwrap();
        let values = request.writes().map(|_| request.written_values().collect::<Vec<_>>());
        let is_its = |row: &&Event| {
            matches!(row.kind, Kind::RequestPermitted | Kind::RequestObserved)
                && row.unit_id == Some(unit)
                && row.function_code == Some(pdu[0])
                && row.values.as_deref() == values.as_deref()
                && row.address == request.reads().or(request.writes()).map(|span| span.range.first())
                && row.pdu.as_deref().is_none_or(|bytes| bytes == pdu)
        };
        let (ledger, choices) = (&mut world.ledger, world.choices);
        let may_lack = choices.lets_pass_unrecorded || choices.is_essential;
        let is_kept = |row: &&Event| {
            let is_exempt = may_lack && row.reason.as_deref().is_some_and(|reason| reason.starts_with("journal: down"));
            !enforces || is_exempt || ledger.durable.contains(&row.sequence)
        };
        let mut rows = world.notes.events.iter().filter(|row| !ledger.used_rows.contains(&row.sequence)).filter(is_its);
        let row = rows.find(is_kept).map(|row| row.sequence);
        let row = row.unwrap_or_else(|| {
            panic!("no row, or none that is durable, before {request:?}; rows: {:#?}", world.notes.events)
        });
        ledger.used_rows.insert(row);
    }

    /// A socket took so many bytes of a server's buffer.
    pub fn left(&mut self, leg: u8, bytes: usize, now_ns: u64) {
        for open in self.forwarded.iter_mut().filter(|open| open.is_open && open.leg == leg && open.to_leave > 0) {
            open.to_leave = open.to_leave.saturating_sub(bytes);
            let is_late = open.to_leave == 0 && open.leave_by.is_some_and(|by| now_ns >= by);
            assert!(!is_late, "a write left after its deadline");
        }
    }

    /// A connection begins or is gone: nothing is owed on it.
    pub fn connected(&mut self, leg: u8) {
        self.from_servers.remove(&leg);
        self.forwarded.iter_mut().filter(|open| open.leg == leg).for_each(|open| open.is_open = false);
    }

    pub fn server_sent(&mut self, leg: u8, bytes: &[u8]) {
        self.passing_in.extend_from_slice(bytes);
        let mut stream = self.from_servers.remove(&leg).unwrap_or_default();
        stream.extend_from_slice(bytes);
        while let Ok(Some((own_id, unit, pdu))) = take_adu(&mut stream) {
            let is_asked = |open: &&mut Forwarded| (open.leg, open.own_id, open.unit) == (leg, own_id, unit);
            let mut numbered = self.forwarded.iter_mut().enumerate().filter(|(_, open)| open.is_open);
            let Some((at, open)) = numbered.find(|(_, open)| is_asked(open)) else {
                continue;
            };
            let expected = Expectation::of(&parse_request(&open.pdu, true).unwrap());
            if expected.expects_reply() {
                open.is_open = false;
            }
            if parse_response(&expected, &pdu, ReplyTolerance::default()).is_ok() {
                self.deliverable.push((at, pdu));
            }
        }
        self.from_servers.insert(leg, stream);
    }

    /// What a session does not deliver at once it never may.
    pub fn forget_undelivered(&mut self) {
        self.deliverable.clear();
    }

    pub fn client_gets(&mut self, bytes: &[u8], now_ns: u64, is_tolerant: bool) {
        if self.is_mixed {
            return;
        }
        let mut bytes = bytes.to_vec();
        while let Some(adu) = take_adu(&mut bytes).expect("whole replies") {
            self.answer(&adu, now_ns, is_tolerant);
        }
        assert!(bytes.is_empty(), "bytes that are no reply reached the client");
    }

    fn answer(&mut self, (id, unit, pdu): &Adu, now_ns: u64, is_tolerant: bool) {
        let key = (*id, *unit, pdu[0] & 0x7F);
        let asked = self.arrived.iter().filter(|((id, unit, pdu), _)| (*id, *unit, pdu[0] & 0x7F) == key).count();
        let times = self.replies.entry(key).or_default();
        *times += 1;
        assert!(*times <= asked, "a reply that nobody waits for: {pdu:02X?}");
        let is_guards = pdu[0] & 0x80 != 0 && matches!(pdu[1], 1 | 2 | 3 | 6 | 0x0A | 0x0B);
        let asks_with = |unit: u8, asked: &[u8]| {
            self.arrived.iter().any(|(arrived, _)| arrived.0 == *id && arrived.1 == unit && arrived.2 == asked)
        };
        let is_its = |(at, reply): &(usize, Vec<u8>)| {
            let open = &self.forwarded[*at];
            reply == pdu && asks_with(open.unit, &open.pdu) && open.unit == *unit
        };
        let Some(found) = self.deliverable.iter().position(is_its) else {
            return assert!(is_guards || is_tolerant, "a reply that no server gave to this request: {pdu:02X?}");
        };
        let (at, _) = self.deliverable.remove(found);
        let open = &mut self.forwarded[at];
        assert!(!open.was_answered, "a request was answered twice");
        assert!(now_ns < open.at_ns + REPLY_TIMEOUT_NS, "a late reply was delivered");
        open.was_answered = true;
    }

    pub fn passed_to_server(&mut self, bytes: &[u8]) {
        let rest = self.passing_out.strip_prefix(bytes).expect("bytes pass to the server as they come").to_vec();
        self.passing_out = rest;
    }

    pub fn passed_to_client(&mut self, bytes: &[u8]) {
        let rest = self.passing_in.strip_prefix(bytes).expect("bytes pass to the client as they come").to_vec();
        self.passing_in = rest;
    }

    pub fn check_budgets(&self, session: &Session) {
        let most_open = if self.is_mixed { OBSERVED_REQUESTS } else { OBSERVED_REQUESTS.max(OPEN_REQUESTS) };
        assert!(session.open_requests() <= most_open, "over the budget of open requests");
        assert!(session.queued_requests() <= QUEUED_REQUESTS + OPEN_REQUESTS, "over the budget of queued requests");
    }

    /// The bytes of a reply to one of a server's requests, right or wrong.
    pub fn made_reply(&self, leg: u8, pick: u8, how: u8) -> Option<Vec<u8>> {
        let all: Vec<_> = self.forwarded.iter().filter(|open| open.leg == leg).collect();
        let recent = &all[all.len().saturating_sub(8)..];
        let open = recent.get(usize::from(pick) % recent.len().max(1))?;
        let request = parse_request(&open.pdu, true).unwrap();
        let right = match (open.pdu[0], request.reads()) {
            (code @ 1..=2, Some(span)) => build::bits_reply(code, &vec![true; span.range.quantity().into()]),
            (code, Some(span)) => build::registers_reply(code, &vec![span.range.first(); span.range.quantity().into()]),
            _ => build::confirmation(&open.pdu),
        };
        let (mut id, mut unit, mut pdu) = (open.own_id, open.unit, right);
        match how % 16 {
            0 => id ^= 0x4000,
            1 => unit = unit.wrapping_add(7),
            2 => pdu.push(0),
            3 => drop(pdu.pop()),
            4 => pdu = vec![pdu[0] | 0x80, how >> 4],
            5 => pdu[0] ^= 1,
            _ => {}
        }
        if pdu.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        append_adu(&mut bytes, TransactionId(id), UnitId(unit), &pdu);
        let times = if how % 16 == 6 { 2 } else { 1 };
        Some(bytes.repeat(times))
    }

    /// In the end each request has its row, and each recorded write its outcome.
    pub fn settle(&mut self, events: &[Event]) {
        assert!(
            self.finishes <= 1 && self.resets <= 1 && self.finishes + self.resets >= 1,
            "how the client's end came"
        );
        for row in events.iter().filter(|row| is_first(row) && changes_state(row)) {
            let ends = events.iter().filter(|end| end.kind == Kind::RequestOutcome);
            let ends = ends.filter(|end| end.request_sequence == Some(row.sequence)).count();
            let is_lost = self.lost.contains(&row.sequence);
            assert!(ends == 1 || (is_lost && ends == 0), "{ends} ends of {row:?}");
        }
        let spoken_for = events.iter().filter(|row| is_of_request(row)).count();
        let arrived = self.arrived.len();
        if self.is_mixed {
            return;
        }
        assert!(spoken_for <= arrived + self.lost.len(), "more rows than requests");
        // A stream that an observer cannot follow is given up, recorded once, and passes on unread.
        let is_given_up = |row: &Event| row.reason.as_deref().is_some_and(|reason| reason.ends_with("pass on unread"));
        let may_lack = self.was_cut_short || events.iter().any(is_given_up);
        assert!(may_lack || spoken_for >= arrived, "a request without a row");
    }

    /// What waits in memory stays within its bounds.
    pub fn check_buffers(&self, session: &mut Session, legs: u8) {
        assert!(session.client_out().len() <= BUFFER_BYTES, "too much waits for the client");
        for leg in 0..legs {
            assert!(session.server_out(Leg(leg)).len() <= BUFFER_BYTES, "too much waits for a server");
        }
    }
}

fn take_adu(bytes: &mut Vec<u8>) -> Result<Option<Adu>, ()> {
    // Whose stream it is makes no difference to a request: only a tolerated reply may be longer.
    let found = parse_reply_adu(bytes, PduLimit::default(), LONG_REPLIES).map_err(|_| ())?;
    let Some(adu) = found else { return Ok(None) };
    let (used, taken) = (adu.len_bytes(), (adu.transaction_id.0, adu.unit_id.0, adu.pdu.to_vec()));
    bytes.drain(..used);
    Ok(Some(taken))
}

/// A first row that an outcome follows; a server that refuses ends its request in one row.
fn is_first(row: &Event) -> bool {
    matches!(row.kind, Kind::RequestPermitted | Kind::RequestObserved) && row.exception_code != Some(0x0A)
}

fn changes_state(row: &Event) -> bool {
    !matches!(
        (row.function_code, row.sub_function),
        (Some(1..=4 | 7 | 11 | 12 | 17 | 20 | 24), _) | (Some(8), Some(0 | 2 | 11..=18)) | (Some(43), Some(14))
    )
}

fn is_of_request(row: &Event) -> bool {
    let is_named =
        matches!(row.kind, Kind::RequestPermitted | Kind::RequestDenied | Kind::RequestObserved | Kind::ModbusFlooded);
    is_named || (row.kind.name().starts_with("modbus.invalid") && row.transaction_id.is_some())
}
