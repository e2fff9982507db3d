//! What a session is lent at each call, and what it asks of its owner.

use event::{Event, Sequence};
use policy::{Moment, Plant, Target};
use wire::Span;

/// The world, as far as a session may know it: the time, last-known values, the journal.
pub struct Context<'a> {
    /// When the bytes or the timer came.
    pub now: Moment,
    /// Last-known values and write counters, shared by all sessions.
    pub plant: &'a mut Plant,
    /// Where events go.
    pub recorder: &'a mut dyn Recorder,
}

/// Takes a session's events; never waits.
pub trait Recorder {
    /// Record what happened.
    fn record(&mut self, event: &Event) -> Sequence;

    /// Record what is about to happen; the session is told when the row is durable or lost.
    ///
    /// # Errors
    ///
    /// When nothing can become durable now, or there is no room for it.
    fn record_ahead(&mut self, event: &Event) -> Result<Sequence, Unrecorded>;

    /// Record how a request ended whose first row was recorded ahead: its second row must not lack room.
    fn record_end(&mut self, event: &Event) -> Sequence {
        self.record(event)
    }

    /// The first of a request's two rows stands. Its end follows; where the session breaks before, its owner ends it.
    fn begun(&mut self, _request: Begun<'_>) {}

    /// A request has to wait, for the session's budget of open ones is spent.
    fn open_requests_spent(&mut self) {}

    /// Whether rows can become durable.
    fn journal_is_up(&self) -> bool;

    /// Changes when the journal begins a new segment: each value read is then recorded anew.
    fn segment(&self) -> u64;
}

/// A request that can change state, and whose end is not recorded yet.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// Its first row.
    pub row: &'a Event,
    /// That row's number.
    pub first: Sequence,
    /// A row of it that was lost, and that this one stands for.
    pub instead_of: Option<Sequence>,
    /// What it writes, and where: unknown until read, should nobody learn how it ended.
    pub writes: Option<(Target, Span)>,
}

/// Why the journal did not take a row ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecorded {
    /// It cannot make rows durable.
    Down,
    /// It is up, and its memory is full.
    Full,
}

/// One of the listener's servers, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg(pub u8);

impl Leg {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What the owner of the sockets is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to a server; answer with `server_connected` or `server_refused`.
    Connect(Leg),
    /// Reset a server connection now (linger 0): what is buffered must not arrive.
    ResetServer(Leg),
    /// End the stream to a server once `server_out` is flushed.
    FinishServer(Leg),
    /// End the stream to the client once `client_out` is flushed.
    FinishClient,
    /// Reset the client's connection now.
    ResetClient,
}
