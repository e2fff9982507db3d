//! The session: one client's conversation, as its owner sees it. Events in; bytes and actions out.
//!
//! # Theory
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | open | client's stream ends | finishing | what is owed is still answered |
//! | open | `drain` | leaving | no more requests are taken |
//! | open | policy changed: client unnamed, servers moved | leaving | what waits is decided anew or refused |
//! | open | policy changed: observe ⇄ enforce | switching | no more is read; then the other engine |
//! | finishing, leaving | nothing is owed | closed | `FinishClient` |
//! | any | idle, server gone, denial `reset`, malformed stream, `close` | closed | rows first, then actions |
//! | closed | anything | closed | nothing |
//!
//! Under the front there are two engines: `Framed` reads requests and gives each its turn;
//! `Passing` lets bytes through as they come and reads a copy.

use crate::config::SessionConfig;
use crate::context::{Action, Context, Leg};
use crate::engine::Engine;
use crate::front::{Front, Manner};
use crate::leg::LegState;
use crate::outbuffer::OutBuffer;
use event::{Kind, Sequence};
use policy::View;
use std::sync::Arc;
use wire::TransactionId;

/// One client's conversation with the servers of a listener.
pub struct Session {
    front: Front,
    engine: Engine,
    /// A new mode waits until nothing is under way in the old one.
    is_switching: bool,
    is_closed: bool,
    /// What asks for the buffer of a server that is not there gets this one.
    nowhere: OutBuffer,
}

// === impl Session ===

impl Session {
    /// A client connected.
    #[must_use]
    pub fn open(config: Arc<SessionConfig>, view: Arc<View>, ctx: &mut Context<'_>) -> Self {
        let certificate = config.client.certificate.clone();
        let mut front = Front::new(config, view, ctx.now.monotonic_ns);
        front.record(ctx, Kind::SessionOpened, certificate);
        let engine = Engine::new(&mut front, LegState::default());
        Self { front, engine, is_switching: false, is_closed: false, nowhere: OutBuffer::default() }
    }

    /// Bytes came from the client.
    pub fn client_received(&mut self, bytes: &[u8], ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| engine.client_received(front, ctx, bytes));
    }

    /// The client sends nothing more; it may still listen.
    pub fn client_finished(&mut self, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, _| {
            front.client_finished = true;
            if let Engine::Passing(passing) = engine {
                passing.client_finished(front);
            }
        });
    }

    /// A connection asked for with `Connect` is there.
    pub fn server_connected(&mut self, leg: Leg, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| match engine {
            Engine::Framed(framed) => framed.server_connected(front, ctx, leg),
            Engine::Passing(passing) => passing.server_connected(),
        });
    }

    /// A connection asked for with `Connect` failed.
    pub fn server_refused(&mut self, leg: Leg, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| match engine {
            Engine::Framed(framed) => framed.server_refused(front, ctx, leg, "server_refused"),
            Engine::Passing(passing) => passing.server_refused(front),
        });
    }

    /// A connection asked for with `Connect` cannot be had: as many share the way there as may.
    pub fn server_full(&mut self, leg: Leg, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| match engine {
            Engine::Framed(framed) => framed.server_refused(front, ctx, leg, "server_full"),
            Engine::Passing(passing) => passing.server_refused(front),
        });
    }

    /// Bytes came from a server.
    pub fn server_received(&mut self, leg: Leg, bytes: &[u8], ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| match engine {
            Engine::Framed(framed) => framed.server_received(front, ctx, leg, bytes),
            Engine::Passing(passing) => passing.server_received(front, ctx, bytes),
        });
    }

    /// A server sends nothing more, or its connection broke.
    pub fn server_finished(&mut self, leg: Leg, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| match engine {
            Engine::Framed(framed) => framed.server_finished(front, ctx, leg),
            Engine::Passing(passing) => passing.server_finished(front),
        });
    }

    /// A line that others share has taken bytes from `server_out`, just now.
    pub fn server_took(&mut self, leg: Leg, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            if let Engine::Framed(framed) = engine {
                framed.server_took(front, ctx, leg);
            }
        });
    }

    /// A line that others share gives a request up, named by the id it left with. `reason`: why it can have no
    /// reply; `None`: its server was silent.
    pub fn server_failed(
        &mut self,
        (leg, own_id): (Leg, TransactionId),
        reason: Option<&'static str>,
        ctx: &mut Context<'_>,
    ) {
        self.event(ctx, |engine, front, ctx| {
            if let Engine::Framed(framed) = engine {
                framed.server_failed(front, ctx, (leg, own_id), reason);
            }
        });
    }

    /// A client that has one request open at a time does not wait for this one any more: it need not leave.
    pub fn client_gave_up(&mut self, id: TransactionId, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            if let Engine::Framed(framed) = engine {
                framed.client_gave_up(front, ctx, id);
            }
        });
    }

    /// The row a request waits for is on the disk.
    pub fn journal_durable(&mut self, row: Sequence, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            if let Engine::Framed(framed) = engine {
                framed.journal_durable(front, ctx, row);
            }
        });
    }

    /// The row a request waits for is lost.
    pub fn journal_failed(&mut self, row: Sequence, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            if let Engine::Framed(framed) = engine {
                framed.journal_failed(front, ctx, row);
            }
        });
    }

    /// The moment that [`Self::next_deadline`] named has come.
    pub fn deadline_reached(&mut self, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            match engine {
                Engine::Framed(framed) => framed.deadline_reached(front, ctx),
                Engine::Passing(passing) => passing.deadline_reached(front, ctx),
            }
            if idle_deadline(engine, front).is_some_and(|at| ctx.now.monotonic_ns >= at) {
                front.end(Manner::Finish, if engine.is_in_mid_frame() { "slow_frame" } else { "idle_timeout" });
            }
        });
    }

    /// Bytes that have waited for a server can leave now: whether some are past their deadline. Those are
    /// refused instead, and the connection is to be reset. An owner asks this before it writes what it could not
    /// write at once, for its timers may be late.
    #[must_use]
    pub fn refuse_unsent(&mut self, leg: Leg, ctx: &mut Context<'_>) -> bool {
        let is_overdue = match &self.engine {
            Engine::Framed(framed) => framed.has_unsent(leg, ctx.now.monotonic_ns),
            Engine::Passing(_) => false,
        };
        if is_overdue {
            self.event(ctx, |engine, front, ctx| {
                if let Engine::Framed(framed) = engine {
                    framed.refuse_unsent(front, ctx, leg);
                }
            });
        }
        is_overdue
    }

    /// Another policy is in force.
    pub fn policy_changed(&mut self, config: Arc<SessionConfig>, view: Arc<View>, ctx: &mut Context<'_>) {
        self.is_switching = config.terms.passes_bytes() != self.engine.passes_bytes();
        self.event(ctx, |engine, front, ctx| {
            let was_named = front.view.names_client();
            front.adopt(config, view);
            if let Engine::Framed(framed) = engine {
                framed.policy_changed(front, ctx, was_named);
            }
        });
    }

    /// The listener is gone: open requests end, waiting ones are refused, for no policy speaks of them.
    pub fn detach(&mut self, reason: &str, ctx: &mut Context<'_>) {
        self.event(ctx, |engine, front, ctx| {
            front.detach(reason);
            if let Engine::Framed(framed) = engine {
                framed.policy_changed(front, ctx, true);
            }
        });
    }

    /// Take no more requests; end when the open ones have ended.
    pub fn drain(&mut self, ctx: &mut Context<'_>) {
        self.event(ctx, |_, front, _| front.leave("drained"));
    }

    /// End now: the owner says why (`client_reset`, `guard_stopped` …).
    pub fn close(&mut self, reason: &str, ctx: &mut Context<'_>) {
        self.event(ctx, |_, front, _| front.end(Manner::Reset, reason));
    }

    /// When [`Self::deadline_reached`] wants to be called, monotonic nanoseconds.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.is_closed {
            return None;
        }
        let engine = match &self.engine {
            Engine::Framed(framed) => framed.next_deadline(&self.front),
            Engine::Passing(passing) => passing.next_deadline(),
        };
        [engine, idle_deadline(&self.engine, &self.front)].into_iter().flatten().min()
    }

    /// Bytes for the client.
    pub fn client_out(&mut self) -> &mut OutBuffer {
        &mut self.front.out
    }

    /// Bytes for a server.
    pub fn server_out(&mut self, leg: Leg) -> &mut OutBuffer {
        let found = match &mut self.engine {
            Engine::Framed(framed) => framed.server_out(leg),
            Engine::Passing(passing) => passing.server_out(leg),
        };
        found.unwrap_or(&mut self.nowhere)
    }

    /// What the owner is to do now, in this order.
    #[must_use]
    pub fn take_actions(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.front.actions)
    }

    /// Whether the client's bytes should be read: not while it is owed too much already.
    #[must_use]
    pub fn wants_client(&self) -> bool {
        let is_listening = !self.is_closed && !self.front.client_finished && !self.is_switching;
        let is_free = self.front.leaving.is_none() && !self.front.out.is_full();
        let is_taken = match &self.engine {
            Engine::Framed(framed) => framed.wants_client(&self.front),
            Engine::Passing(passing) => passing.wants_client(),
        };
        is_listening && is_free && is_taken
    }

    /// Whether a server's bytes should be read: not while the client takes none.
    #[must_use]
    pub fn wants_server(&self, leg: Leg) -> bool {
        let is_connected = match &self.engine {
            Engine::Framed(framed) => framed.is_connected(leg),
            Engine::Passing(passing) => passing.is_connected(leg),
        };
        !self.is_closed && is_connected && !self.front.out.is_full()
    }

    /// Whether the session has ended; what is left is to flush `client_out` and close.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether a drained session owes nothing more, not even bytes.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_closed && self.front.out.is_empty()
    }

    /// Requests that wait for a server's reply.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        match &self.engine {
            Engine::Framed(framed) => framed.open_requests(),
            Engine::Passing(passing) => passing.open_requests(),
        }
    }

    /// Requests that are not forwarded yet.
    #[must_use]
    pub fn queued_requests(&self) -> usize {
        match &self.engine {
            Engine::Framed(framed) => framed.queued_requests(),
            Engine::Passing(_) => 0,
        }
    }

    /// When the client last asked for something, monotonic nanoseconds.
    #[must_use]
    pub fn last_request_ns(&self) -> u64 {
        self.front.last_request_ns
    }

    /// What the session was told when it opened, or when the policy last changed.
    #[must_use]
    pub fn config(&self) -> &Arc<SessionConfig> {
        &self.front.config
    }

    /// Let an event happen, then see what it leads to.
    fn event(&mut self, ctx: &mut Context<'_>, happen: impl FnOnce(&mut Engine, &mut Front, &mut Context<'_>)) {
        if self.is_closed {
            return;
        }
        happen(&mut self.engine, &mut self.front, ctx);
        if self.engine.is_quiet() {
            self.rest(ctx);
        }
        if let Some((manner, reason)) = self.front.ending() {
            self.end(ctx, manner, reason);
        }
    }

    /// Nothing is owed: what waited for this happens now.
    fn rest(&mut self, ctx: &mut Context<'_>) {
        if let Some(reason) = self.front.leaving.clone() {
            self.front.end(Manner::Finish, &reason);
        } else if self.front.client_finished && !self.engine.passes_bytes() {
            self.front.end(Manner::Finish, "client_closed");
        } else if core::mem::take(&mut self.is_switching) {
            self.switch(ctx);
        }
    }

    /// The conduit now observes, or enforces: go on with the other engine.
    fn switch(&mut self, ctx: &mut Context<'_>) {
        let Some((server, unused)) = self.engine.take_server() else {
            // Something is under way that only the old engine could follow.
            return self.front.end(Manner::Finish, "policy_changed");
        };
        self.engine = Engine::new(&mut self.front, server);
        if !unused.is_empty() {
            self.engine.client_received(&mut self.front, ctx, &unused);
        }
    }

    fn end(&mut self, ctx: &mut Context<'_>, manner: Manner, reason: Arc<str>) {
        self.is_closed = true;
        self.engine.abandon(&mut self.front, ctx, (manner, &reason));
        self.front.record(ctx, Kind::SessionClosed, Some(reason));
        match manner {
            Manner::Finish => self.front.finish_client(),
            Manner::Reset => self.front.actions.push(Action::ResetClient),
        }
    }
}

/// When the session has been idle for too long; requests count, and what is owed for them.
fn idle_deadline(engine: &Engine, front: &Front) -> Option<u64> {
    let limit_ns = front.terms().idle_timeout_ns;
    engine.is_quiet().then(|| front.last_request_ns.saturating_add(limit_ns))
}
