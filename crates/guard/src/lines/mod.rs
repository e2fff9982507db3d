//! The lines that sessions share: which there are, how each is reached, and what each wants now.
//!
//! Kept true here:
//! * a line is opened again for ever, with a growing pause, and each loss is told;
//! * a reload keeps a line that still leads to the same place, with all that is under way on it;
//! * nothing here waits.

mod alarm;
mod end;
mod report;
mod serial;
mod shared;
mod terms;

pub(crate) use end::{End, Way};
pub(crate) use report::{Family, LINE_FAMILIES, family};
pub(crate) use shared::{Joined, Member, SharedLine, Told};
pub(crate) use terms::pace_of;

use crate::leg_socket::Judge;
use crate::timers::Key;
use crate::tls::{Credential, Keyring, ServerGate};
use alarm::Alarm;
use line::{ClientId, Offer};
use mio::Registry;
use mio::event::Event;
use policy::Moment;
use policy::document::Document;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use terms::{config_of, most_of, way_of};

/// A line's place in the table; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineId(pub(crate) usize);

/// Steps of handshakes with servers in one turn of the loop, all lines together.
const DIALS: usize = 4;

pub(crate) struct Lines {
    lines: BTreeMap<LineId, SharedLine>,
    /// The line of each server, by its name.
    names: BTreeMap<Arc<str>, LineId>,
    next: usize,
    /// A line had its turns and wants more.
    is_unfinished: bool,
    /// Steps of handshakes that this turn of the loop may still take.
    dials: usize,
    alarm: Alarm,
    registry: Registry,
}

impl Lines {
    /// None yet.
    ///
    /// # Errors
    /// The kernel gives no timer.
    pub(crate) fn new(registry: &Registry) -> io::Result<Self> {
        let (alarm, registry) = (Alarm::new(registry)?, registry.try_clone()?);
        Ok(Self {
            lines: BTreeMap::new(),
            names: BTreeMap::new(),
            next: 0,
            is_unfinished: false,
            dials: DIALS,
            alarm,
            registry,
        })
    }

    /// Keep what leads where it did, close what no policy names, and have the rest opened.
    pub(crate) fn adopt(&mut self, document: &Document, keyring: &Keyring, now_ns: u64) {
        let mut names = BTreeMap::new();
        for server in document.servers.iter().filter(|server| server.line.is_some()) {
            let (Some(way), Some(config)) = (way_of(server), config_of(server)) else { continue };
            let name: Arc<str> = server.name.as_str().into();
            let id = self.line_to(&way).unwrap_or_else(|| {
                self.next += 1;
                LineId(self.next)
            });
            match self.lines.get_mut(&id) {
                Some(line) => line.adopt(&name, (way, config, most_of(server)), now_ns),
                None => drop(self.lines.insert(id, SharedLine::new(id, &name, (way, config, most_of(server))))),
            }
            if let Some(line) = self.lines.get_mut(&id) {
                line.secure_by(keyring.server(&name));
            }
            names.insert(name, id);
        }
        self.names = names;
        let is_named = |id: &LineId| self.names.values().any(|named| named == id);
        for (_, line) in self.lines.iter_mut().filter(|(id, _)| !is_named(id)) {
            line.retire(now_ns);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<LineId> {
        self.names.get(name).copied()
    }

    pub(crate) fn get_mut(&mut self, id: LineId) -> Option<&mut SharedLine> {
        self.lines.get_mut(&id)
    }

    /// A session's leg leads here.
    pub(crate) fn join(&mut self, id: LineId, member: Member) -> Option<(ClientId, Joined)> {
        Some(self.lines.get_mut(&id)?.join(member))
    }

    pub(crate) fn leave(&mut self, (id, client): (LineId, ClientId), now_ns: u64) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.leave(client, now_ns);
        }
    }

    pub(crate) fn offer(&mut self, (id, client): (LineId, ClientId), offer: Offer, now_ns: u64) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.offer(client, offer, now_ns);
        }
    }

    /// A conversation is gone, however it ended.
    pub(crate) fn forget(&mut self, key: Key, now_ns: u64) {
        for line in self.lines.values_mut() {
            line.forget(key, now_ns);
        }
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, place: usize, event: &Event) {
        if let Some(line) = self.lines.get_mut(&LineId(place)) {
            line.ready(event);
        }
    }

    /// A turn of the loop begins.
    pub(crate) fn begin_turn(&mut self) {
        self.dials = DIALS;
    }

    /// Cut each line whose server `judge` says something against.
    pub(crate) fn judge(&mut self, judge: &mut Judge<'_>, now_ns: u64) {
        for line in self.lines.values_mut() {
            line.judge(judge, now_ns);
        }
    }

    /// Each server that is there under TLS, with what it showed.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Arc<ServerGate>, &Arc<Credential>)> {
        self.lines.values().filter_map(SharedLine::server)
    }

    /// A responder said something: handshakes that wait for that may go on.
    pub(crate) fn stir_settled(&mut self) {
        self.lines.values_mut().for_each(SharedLine::stir_settled);
    }

    pub(crate) fn ids(&self) -> Vec<LineId> {
        self.lines.keys().copied().collect()
    }

    /// Read, write, open, and give what somebody must hear of.
    pub(crate) fn work(&mut self, id: LineId, now: Moment, scratch: &mut [u8]) -> Option<Told> {
        self.lines.get_mut(&id)?.work((&self.registry, &mut self.dials), now, scratch)
    }

    /// Come back to a line in the next turn of the loop.
    pub(crate) fn postpone(&mut self) {
        self.is_unfinished = true;
    }

    /// Drop a line that is named no more and that nobody uses.
    pub(crate) fn sweep(&mut self, id: LineId) {
        if self.lines.get(&id).is_some_and(SharedLine::is_over) {
            self.lines.remove(&id);
        }
    }

    /// Have the loop woken for the next moment that a line waits for, or somebody else; whether that has come already.
    pub(crate) fn arm(&mut self, others: Option<u64>, now_ns: u64) -> bool {
        let next = self.lines.values().filter_map(|line| line.next_deadline(now_ns)).chain(others).min();
        let is_due = std::mem::take(&mut self.is_unfinished) || next.is_some_and(|at| at <= now_ns);
        if !is_due {
            self.alarm.set(next, now_ns);
        }
        is_due
    }

    /// Each line by its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &SharedLine> {
        self.lines.values().filter(|line| !line.is_retired())
    }

    /// The line that has this place already: two would each hear half.
    fn line_to(&self, way: &Way) -> Option<LineId> {
        self.lines.iter().find(|(_, line)| line.leads_to(way)).map(|(id, _)| *id)
    }
}
