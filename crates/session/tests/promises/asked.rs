//! What the client asked, and what became of each request: the rows that speak of it, whether it went out, what came
//! back. Each row must speak of one request, and each request has one end.

use super::scene::Scene;
use super::site::{Choices, DEADLINE_NS, OPEN_REQUESTS, QUEUED_REQUESTS, REPLY_TIMEOUT_NS};
use event::{Event, Kind, Outcome, Sequence};
use session::Session;
use std::collections::{HashMap, HashSet};
use wire::{Request, Span, parse_request};

/// One request as it arrived, and what is known of it since.
pub struct Asked {
    pub id: u16,
    pub unit: u8,
    pub pdu: Vec<u8>,
    pub at_ns: u64,
    pub changes_state: bool,
    pub sent_ns: Option<u64>,
    pub is_answered: bool,
    utc_ns: i64,
    first: Option<Sequence>,
    /// Its row says that the operator lets it pass without one on the disk.
    is_exempt: bool,
    end: Option<End>,
}

/// The last row of a request.
struct End {
    /// The server replied.
    is_served: bool,
    code: Option<u8>,
    /// Nobody is told: the session was closing.
    is_untold: bool,
}

#[derive(Default)]
pub struct Book {
    all: Vec<Asked>,
    /// By unit and bytes, in the order in which they came.
    by_bytes: HashMap<(u8, Vec<u8>), Vec<usize>>,
    by_name: HashMap<(u16, u8), Vec<usize>>,
    by_first: HashMap<Sequence, usize>,
    /// Requests without an end, and those that found theirs in the last event.
    live: Vec<usize>,
    ended: Vec<usize>,
    pub durable: HashSet<Sequence>,
    pub lost: HashSet<Sequence>,
    rows_read: usize,
    pub unsolicited: usize,
    is_given_up: bool,
}

// === impl Asked ===

impl Asked {
    pub fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    fn waits(&self) -> bool {
        self.end.is_none() && self.sent_ns.is_none()
    }

    /// Whether a row with no word of an earlier one can speak of this request.
    fn is_spoken_of_in(&self, row: &Event) -> bool {
        let is_named = row.function_code == self.pdu.first().copied() && row.time == self.utc_ns;
        let (sub_function, span, values) = match parse_request(&self.pdu, true) {
            Ok(request) => (request.sub_function(), request.reads().or(request.writes()), written(&request)),
            Err(_) => (None, None, None),
        };
        let what = (sub_function, span.map(first_of), span.map(quantity_of));
        let has_bytes = row.pdu.as_deref().is_none_or(|pdu| pdu == self.pdu);
        let is_opaque = row.pdu.is_some() && row.address.is_none();
        let has_values = row.values.is_none() || row.values.as_deref() == values.as_deref();
        is_named && has_bytes && has_values && (is_opaque || (row.sub_function, row.address, row.quantity) == what)
    }
}

// === impl Book ===

impl Book {
    pub fn of(&self, at: usize) -> &Asked {
        &self.all[at]
    }

    pub fn arrive(&mut self, (id, unit, pdu): (u16, u8, Vec<u8>), scene: Scene) {
        let at = self.all.len();
        let changes_state = parse_request(&pdu, true).is_ok_and(|request| request.can_change_state());
        self.by_bytes.entry((unit, pdu.clone())).or_default().push(at);
        self.by_name.entry((id, unit)).or_default().push(at);
        self.live.push(at);
        let passed_ns = scene.passes_bytes.then_some(scene.now.monotonic_ns);
        let (at_ns, utc_ns) = (scene.now.monotonic_ns, scene.now.utc_ns);
        self.all.push(Asked {
            id,
            unit,
            pdu,
            at_ns,
            utc_ns,
            changes_state,
            sent_ns: passed_ns,
            is_answered: false,
            first: None,
            is_exempt: false,
            end: None,
        });
    }

    /// Read the rows that came since; how many of them tell of replies that nobody waits for.
    pub fn read_rows(&mut self, events: &[Event], scene: Scene) {
        self.unsolicited = 0;
        self.ended.clear();
        for row in events.iter().skip(self.rows_read) {
            assert_eq!(row.session.map(|session| session.0), Some(7), "a row without its session");
            self.read_row(row, scene);
        }
        self.rows_read = events.len();
        let all = &self.all;
        self.live.retain(|at| !all[*at].is_ended());
    }

    fn read_row(&mut self, row: &Event, scene: Scene) {
        match row.kind {
            Kind::RequestOutcome => self.read_outcome(row),
            Kind::RequestPermitted | Kind::RequestObserved => self.read_passage(row, scene),
            Kind::RequestDenied | Kind::ModbusFlooded => self.read_refusal(row, scene),
            Kind::ResponseUnsolicited => self.unsolicited += 1,
            kind if kind.name().starts_with("modbus.") && row.transaction_id.is_some() => {
                assert!(row.pdu.is_some(), "what could not be read stands nowhere: {row:?}");
                self.end(row, |_| true);
            }
            _ => {
                let reason = row.reason.as_deref().unwrap_or_default();
                self.is_given_up |= reason.ends_with("pass on unread");
            }
        }
    }

    fn read_outcome(&mut self, row: &Event) {
        let first = row.request_sequence.unwrap_or_else(|| panic!("an outcome of nothing: {row:?}"));
        let at = *self.by_first.get(&first).unwrap_or_else(|| panic!("an outcome of no request: {row:?}"));
        let asked = &mut self.all[at];
        assert_eq!((row.transaction_id, row.unit_id), (Some(asked.id), Some(asked.unit)), "another's outcome");
        assert!(asked.end.is_none(), "two ends of {row:?}");
        asked.end = Some(End::of(row));
        self.ended.push(at);
    }

    /// A row of what passes: the first of two, or the only one.
    fn read_passage(&mut self, row: &Event, scene: Scene) {
        let is_only = |asked: &Asked| !asked.changes_state || row.exception_code == Some(0x0A);
        let at = self.find(row, |asked| asked.first.is_none_or(|first| self.lost.contains(&first)));
        if is_only(&self.all[at]) {
            self.all[at].end = Some(End::of(row));
            return self.ended.push(at);
        }
        let has_values = self.all[at].pdu.first().is_none_or(|code| !matches!(code, 6 | 16) || row.values.is_some());
        assert!(has_values, "what is written is not recorded: {row:?}");
        let has_rule = row.verdict == Some(Outcome::Permit) && row.rule.is_some();
        assert!(row.kind == Kind::RequestObserved || has_rule, "a permit by no rule: {row:?}");
        let is_exempt = row.reason.as_deref().is_some_and(|reason| reason.starts_with("journal: down"));
        let is_owed = self.all[at].first.is_some() || scene.journal_is_down;
        assert!(!is_exempt || (scene.choices.may_lack_rows() && is_owed), "an exemption nobody wrote: {row:?}");
        let asked = &mut self.all[at];
        (asked.first, asked.is_exempt) = (Some(row.sequence), is_exempt);
        self.by_first.insert(row.sequence, at);
    }

    fn read_refusal(&mut self, row: &Event, scene: Scene) {
        let reason = row.reason.as_deref().unwrap_or_default();
        assert!(!reason.is_empty() && row.verdict == Some(Outcome::Deny), "a refusal without a reason: {row:?}");
        let at = self.find(row, |asked| asked.first.is_none());
        let asked = &self.all[at];
        let has_waited = scene.now.monotonic_ns >= asked.at_ns + DEADLINE_NS;
        assert!(!reason.starts_with("deadline") || has_waited, "refused as late before its time: {row:?}");
        let is_full = self.live.iter().filter(|other| **other < at && self.all[**other].waits()).count();
        assert!(row.kind != Kind::ModbusFlooded || is_full >= QUEUED_REQUESTS, "refused while there was room");
        let is_rules = ["no_rule", "never", "unit_undeclared"].iter().any(|word| reason.starts_with(word));
        let permits = parse_request(&asked.pdu, scene.choices.is_tolerant)
            .is_ok_and(|request| scene.variant.permits(scene.choices, asked.unit, &request));
        assert!(!(is_rules && permits), "refused though a rule permits it: {row:?}");
        assert!(!reason.starts_with("journal") || scene.journal_is_down, "the journal is well: {row:?}");
        self.all[at].end = Some(End::of(row));
        self.ended.push(at);
    }

    fn end(&mut self, row: &Event, may: impl Fn(&Asked) -> bool) {
        let at = self.find(row, may);
        self.all[at].end = Some(End::of(row));
        self.ended.push(at);
    }

    /// Of requests that are alike, rows speak of the oldest first; but it is the youngest for which there is no room.
    fn find(&self, row: &Event, may: impl Fn(&Asked) -> bool) -> usize {
        let name = (row.transaction_id.unwrap_or_default(), row.unit_id.unwrap_or_default());
        let mut named = self.by_name.get(&name).into_iter().flatten();
        let is_its = |at: &&usize| {
            let asked = &self.all[**at];
            asked.end.is_none() && may(asked) && asked.is_spoken_of_in(row)
        };
        let found = if row.kind == Kind::ModbusFlooded { named.rfind(is_its) } else { named.find(is_its) };
        *found.unwrap_or_else(|| panic!("a row of no request that waits for one: {row:?}"))
    }

    /// The request whose bytes go to a server now: the first that may, for order is kept.
    pub fn send(&mut self, (unit, pdu): (u8, &Vec<u8>), after: Option<usize>, scene: Scene) -> usize {
        let same = self.by_bytes.get(&(unit, pdu.clone())).map(Vec::as_slice).unwrap_or_default();
        let may = |at: &&usize| self.all[**at].waits() && after.is_none_or(|last| **at > last);
        let Some(at) = same.iter().find(may).copied() else {
            panic!("sent twice, out of order, after its end, or nobody asked it: {pdu:02X?} {scene:?}")
        };
        let asked = &mut self.all[at];
        asked.sent_ns = Some(scene.now.monotonic_ns);
        if scene.enforces() && asked.changes_state {
            assert!(scene.now.monotonic_ns < asked.at_ns + DEADLINE_NS, "forwarded after its deadline");
            let is_kept = asked.first.is_some_and(|first| self.durable.contains(&first));
            assert!(is_kept || asked.is_exempt, "no row, or none that is durable, before {pdu:02X?}");
        }
        assert!(!asked.changes_state || asked.first.is_some(), "no row before {pdu:02X?}");
        at
    }

    /// Somebody who waits for this very reply.
    pub fn answered(&mut self, (id, unit): (u16, u8), is_its: impl Fn(&Asked) -> bool) -> bool {
        let mut named = self.by_name.get(&(id, unit)).into_iter().flatten();
        let found = named.find(|at| !self.all[**at].is_answered && is_its(&self.all[**at])).copied();
        if let Some(at) = found {
            self.all[at].is_answered = true;
        }
        found.is_some()
    }

    /// The guard's own answer: its row came first and says the same.
    pub fn is_refused_with(asked: &Asked, (function_code, code): (u8, u8)) -> bool {
        let is_its = asked.pdu.first().is_some_and(|asked| asked | 0x80 == function_code);
        is_its && asked.end.as_ref().is_some_and(|end| end.code == Some(code) && !end.is_untold)
    }

    /// Sent, and ended in the last event without a reply.
    pub fn failed(&self) -> impl Iterator<Item = &Asked> {
        let ended = self.ended.iter().map(|at| &self.all[*at]);
        ended.filter(|asked| asked.sent_ns.is_some() && asked.end.as_ref().is_some_and(|end| !end.is_served))
    }

    /// Who is told nothing, though a row says so.
    pub fn check_told(&self) {
        let ended = self.ended.iter().map(|at| &self.all[*at]);
        let untold = |asked: &&Asked| {
            let end = asked.end.as_ref().filter(|end| !end.is_untold);
            !asked.is_answered && end.is_some_and(|end| end.code.is_some())
        };
        let found = ended.clone().find(untold);
        assert!(found.is_none(), "recorded as answered, and told nothing: {:02X?}", found.map(|asked| &asked.pdu));
    }

    fn live(&self) -> impl Iterator<Item = &Asked> {
        self.live.iter().map(|at| &self.all[*at])
    }

    /// Nobody is forgotten, and no budget is overdrawn.
    pub fn check_budgets(&self, session: &Session, is_over: bool) {
        let open = self.live().filter(|asked| asked.sent_ns.is_some()).count();
        let waiting = self.live().filter(|asked| asked.waits()).count();
        let counts = (session.open_requests(), session.queued_requests());
        assert!(is_over || (open, waiting) == counts, "a request is forgotten: {open}, {waiting}, not {counts:?}");
        let without_row = self.live().filter(|asked| asked.waits() && asked.first.is_none()).count();
        assert!(is_over || without_row <= QUEUED_REQUESTS, "over the budget of queued requests");
        let is_under_way = |first: Sequence| !self.durable.contains(&first) && !self.lost.contains(&first);
        let recording = |asked: &&Asked| asked.waits() && asked.first.is_some_and(is_under_way);
        let recording = self.live().filter(recording).count();
        assert!(is_over || open + recording <= OPEN_REQUESTS, "over the budget of open requests");
    }

    /// Nobody waits past a deadline, for the disk, a turn or a reply.
    pub fn check_times(&self, scene: Scene) {
        let now_ns = scene.now.monotonic_ns;
        for asked in self.live() {
            let is_bound = scene.enforces() && asked.changes_state && asked.waits();
            assert!(!is_bound || now_ns < asked.at_ns + DEADLINE_NS, "it waits past its deadline");
            let is_heard = asked.sent_ns.is_none_or(|sent| now_ns < sent + REPLY_TIMEOUT_NS);
            assert!(is_heard, "it waits for a reply past its time");
        }
    }

    /// In the end each request has its end.
    pub fn settle(&self, was_cut_short: bool) {
        let mut forgotten = self.live();
        let rows_lack = was_cut_short || self.is_given_up;
        let is_begun = |asked: &Asked| asked.first.is_some_and(|first| !self.lost.contains(&first));
        assert!(!forgotten.any(|asked| !rows_lack || is_begun(asked)), "a request without an end");
    }
}

// === impl End ===

impl End {
    fn of(row: &Event) -> Self {
        let reason = row.reason.as_deref().unwrap_or_default();
        let code = row.exception_code.filter(|_| row.latency_us.is_none());
        Self { is_served: row.latency_us.is_some(), code, is_untold: code == Some(6) && is_closing(reason) }
    }
}

/// Why a session takes leave of requests without a word.
fn is_closing(reason: &str) -> bool {
    [
        "client_closed",
        "denied",
        "idle_timeout",
        "modbus.",
        "server_closed",
        "server_refused",
        "server_silent",
        "test_ends",
    ]
    .iter()
    .any(|word| reason.starts_with(word))
}

impl Choices {
    pub fn may_lack_rows(self) -> bool {
        self.lets_pass_unrecorded || self.is_essential
    }
}

fn first_of(span: Span) -> u16 {
    span.range.first()
}

fn quantity_of(span: Span) -> u16 {
    span.range.quantity()
}

fn written(request: &Request<'_>) -> Option<Vec<u16>> {
    request.writes().map(|_| request.written_values().collect())
}
