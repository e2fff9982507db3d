//! Invariant tested: no byte of a denied request reaches a server, no state-changing request's bytes
//! leave before its row is durable, a reply reaches one request with its id and unit, no write goes twice.

use super::talk::*;
use crate::{Action, Leg};
use event::{Event, Kind, Sequence};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// One thing that may happen.
#[derive(Clone, Debug)]
enum Step {
    /// A request; each carries a value or address of its own, so that its bytes name it.
    Ask {
        id: u16,
        unit: u8,
        kind: Ask,
    },
    Garbage(Vec<u8>),
    Reply {
        pick: usize,
        how: Reply,
    },
    ServerGarbage(u8, Vec<u8>),
    Sync,
    JournalFails,
    JournalReturns,
    Time(u64),
    Connected(u8),
    Refused(u8),
    ServerFinishes(u8),
    ClientFinishes,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Read,
    Write,
    DeniedWrite,
    DeniedRead,
}

#[derive(Clone, Copy, Debug)]
enum Reply {
    Right,
    Twice,
    WrongId,
    WrongUnit,
    TooLong,
    Exception,
}

/// What has been asked, and what became of it.
#[derive(Default)]
struct Ledger {
    next: u16,
    /// By the word that names a request: client's id, unit, whether it may pass, whether it writes.
    asked: HashMap<u16, (u16, u8, bool, bool)>,
    durable: HashSet<Sequence>,
    /// Rows of writes, by word.
    rows: HashMap<u16, Sequence>,
    forwarded: HashMap<u16, usize>,
    /// What a server may answer: leg, guard's id, unit, word, whether it writes.
    pending: Vec<(u8, u16, u8, u16, bool)>,
    answered: HashMap<u16, usize>,
    events: Vec<Event>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask = prop_oneof![Just(Ask::Read), Just(Ask::Write), Just(Ask::DeniedWrite), Just(Ask::DeniedRead)];
    let reply = prop_oneof![
        4 => Just(Reply::Right), 1 => Just(Reply::Twice), 1 => Just(Reply::WrongId),
        1 => Just(Reply::WrongUnit), 1 => Just(Reply::TooLong), 1 => Just(Reply::Exception),
    ];
    let step = prop_oneof![
        12 => (0..6_u16, 1..3_u8, ask).prop_map(|(id, unit, kind)| Step::Ask { id, unit, kind }),
        12 => (any::<usize>(), reply).prop_map(|(pick, how)| Step::Reply { pick, how }),
        8 => Just(Step::Sync),
        4 => (0..400_u64).prop_map(Step::Time),
        4 => (0..2_u8).prop_map(Step::Connected),
        1 => (0..2_u8).prop_map(Step::Refused),
        1 => (0..2_u8).prop_map(Step::ServerFinishes),
        1 => (0..2_u8, prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(leg, bytes)| Step::ServerGarbage(leg, bytes)),
        1 => Just(Step::JournalFails),
        2 => Just(Step::JournalReturns),
        1 => Just(Step::ClientFinishes),
    ];
    let garbage = prop::option::of(prop::collection::vec(any::<u8>(), 1..20));
    (prop::collection::vec(step, 1..80), garbage).prop_map(|(mut steps, garbage)| {
        steps.extend(garbage.map(Step::Garbage));
        steps
    })
}

/// Addresses below 1,000 may be read, 1,000–1,999 written; nothing else.
fn document() -> serde_json::Value {
    with(
        routed(),
        "rules",
        serde_json::json!([
            {"name": "reads", "kind": "permit", "functions": ["3"], "ranges": [["holding_register", 0, 999]]},
            {"name": "writes", "kind": "permit", "functions": ["6"], "ranges": [["holding_register", 1000, 1999]]},
        ]),
    )
}

impl Ask {
    /// A request whose address names it.
    fn pdu(self, word: u16) -> Vec<u8> {
        match self {
            Self::Read => read(word, 1),
            Self::DeniedRead => read(3_000 + word, 1),
            Self::Write => write(1_000 + word, word),
            Self::DeniedWrite => write(3_000 + word, word),
        }
    }
}

impl Ledger {
    fn ask(&mut self, talk: &mut Talk, id: u16, unit: u8, kind: Ask) {
        let word = self.next;
        self.next += 1;
        let may_pass = matches!(kind, Ask::Read | Ask::Write);
        let writes = matches!(kind, Ask::Write | Ask::DeniedWrite);
        self.asked.insert(word, (id, unit, may_pass, writes));
        talk.client_sends_bytes(&adu(id, unit, &kind.pdu(word)));
    }

    fn reply(&mut self, talk: &mut Talk, pick: usize, how: Reply) {
        if self.pending.is_empty() {
            return;
        }
        let at = pick % self.pending.len();
        let (leg, id, unit, word, writes) = self.pending[at];
        let right = if writes { write(1_000 + word, word) } else { registers(&[word]) };
        let bytes = match how {
            Reply::Right | Reply::Twice => adu(id, unit, &right),
            Reply::WrongId => adu(id ^ 0x4000, unit, &right),
            Reply::WrongUnit => adu(id, unit + 7, &right),
            Reply::TooLong => adu(id, unit, &[right.clone(), vec![0]].concat()),
            Reply::Exception => adu(id, unit, &[right[0] | 0x80, 4]),
        };
        if !matches!(how, Reply::WrongId | Reply::WrongUnit) {
            self.pending.remove(at);
        }
        let times = if matches!(how, Reply::Twice) { 2 } else { 1 };
        for _ in 0..times {
            talk.server_sends_bytes(leg, &bytes);
        }
    }

    fn sync(&mut self, talk: &mut Talk) {
        if let Some(row) = talk.notes.ahead.front().copied() {
            self.durable.insert(row);
            talk.journal_syncs();
        }
    }

    fn connect(&mut self, talk: &mut Talk, leg: u8, is_there: bool) {
        let wanted = Action::Connect(Leg(leg));
        let Some(at) = talk.actions.iter().position(|action| *action == wanted) else { return };
        talk.actions.remove(at);
        self.pending.retain(|open| open.0 != leg);
        if is_there { talk.server_connects(leg) } else { talk.server_refuses(leg) }
    }

    /// Look at all that came out, and hold it against the promises.
    fn audit(&mut self, talk: &mut Talk) {
        for row in talk.notes.events.drain(..) {
            if row.kind == Kind::RequestPermitted && row.function_code == Some(6) {
                self.rows.insert(row.values.as_deref().unwrap()[0], row.sequence);
            }
            self.events.push(row);
        }
        for leg in 0..2 {
            while let Some((id, unit, pdu)) = talk.next_to_server(leg) {
                self.audit_forwarded(u8::try_from(leg).unwrap(), id, unit, &pdu);
            }
        }
        while let Some((id, unit, pdu)) = talk.next_to_client() {
            self.audit_reply(id, unit, &pdu);
        }
    }

    fn audit_forwarded(&mut self, leg: u8, id: u16, unit: u8, pdu: &[u8]) {
        let address = u16::from_be_bytes([pdu[1], pdu[2]]);
        let word = address % 1_000;
        let (_, asked_unit, may_pass, writes) = self.asked[&word];

        assert!(may_pass && address < 2_000, "a denied request was forwarded");
        assert_eq!((unit, leg), (asked_unit, asked_unit - 1));
        if writes {
            assert!(self.durable.contains(&self.rows[&word]), "forwarded before its row was durable");
        }
        let times = self.forwarded.entry(word).or_default();
        *times += 1;

        assert_eq!(*times, 1, "a request was sent twice");
        self.pending.push((leg, id, unit, word, writes));
    }

    /// A reply of a server carries the word of its request; an exception carries none.
    fn audit_reply(&mut self, id: u16, unit: u8, pdu: &[u8]) {
        if pdu[0] & 0x80 != 0 {
            return;
        }
        let word =
            if pdu[0] == 3 { u16::from_be_bytes([pdu[2], pdu[3]]) } else { u16::from_be_bytes([pdu[3], pdu[4]]) };

        assert_eq!((id, unit), (self.asked[&word].0, self.asked[&word].1), "a reply reached another request");
        let times = self.answered.entry(word).or_default();
        *times += 1;

        assert_eq!(*times, 1, "a reply was delivered twice");
    }

    /// In the end each request has its row, and each recorded write its outcome.
    fn settle(&self) {
        let outcomes: Vec<_> =
            self.events.iter().filter(|row| row.kind == Kind::RequestOutcome).map(|row| row.request_sequence).collect();
        let recorded = self.events.iter().filter(|row| row.address.is_some() && row.kind != Kind::RequestOutcome);

        assert_eq!(recorded.count(), self.asked.len(), "each request has one row");
        for row in self.rows.values() {
            let is_unreachable = |event: &&Event| event.sequence == *row && event.exception_code == Some(0x0A);
            let ends = outcomes.iter().filter(|outcome| **outcome == Some(*row)).count();
            let closed = self.events.iter().find(is_unreachable).is_some();

            assert_eq!(ends, usize::from(!closed), "each write has one end");
        }
    }
}

fn take(step: Step, ledger: &mut Ledger, talk: &mut Talk) {
    match step {
        Step::Ask { id, unit, kind } => ledger.ask(talk, id, unit, kind),
        Step::Garbage(bytes) => talk.client_sends_bytes(&bytes),
        Step::Reply { pick, how } => ledger.reply(talk, pick, how),
        Step::ServerGarbage(leg, bytes) => talk.server_sends_bytes(leg, &bytes),
        Step::Sync => ledger.sync(talk),
        Step::JournalFails if !talk.notes.ahead.is_empty() => talk.journal_fails(),
        Step::JournalFails | Step::JournalReturns => talk.notes.is_down = false,
        Step::Time(milliseconds) => talk.time_passes(milliseconds),
        Step::Connected(leg) => ledger.connect(talk, leg, true),
        Step::Refused(leg) => ledger.connect(talk, leg, false),
        Step::ServerFinishes(leg) => talk.server_finishes(leg),
        Step::ClientFinishes => talk.client_finishes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_promises_hold(steps in steps()) {
        let mut talk = Talk::under(document());
        let mut ledger = Ledger::default();
        for step in steps {
            let was_closed = talk.session.is_closed();
            if was_closed {
                break;
            }
            take(step, &mut ledger, &mut talk);
            ledger.audit(&mut talk);
        }
        talk.closes("test_ends");
        ledger.audit(&mut talk);
        ledger.settle();
    }
}
