//! What came out of a session, held against the promises after each event.

use super::scene::Scene;
use super::site::IDLE_NS;
use super::world::World;
use session::{Action, Leg};

/// Where reading stops; beyond it stands at most what one piece and all open requests can add.
const BUFFER_BYTES: usize = 64 * 1024 + 16 * 1024;
/// Requests an observer remembers.
const OBSERVED_REQUESTS: usize = 256;

// === impl World ===

impl World {
    /// Look at all that came out, and hold it against the promises.
    pub fn look(&mut self, scene: Scene) {
        self.switch();
        self.ledger.read_rows(&self.notes.events, scene);
        for leg in 0..self.choices.legs() {
            self.look_at_leg(leg, scene);
        }
        self.look_at_client(scene);
        for action in self.session.take_actions() {
            self.act(action);
        }
        self.ledger.book.check_told();
        self.ledger.check_replies(self.session.is_closed(), scene);
        self.check_budgets();
        self.flush();
    }

    /// The mode changes in the first moment in which nothing is under way.
    fn switch(&mut self) {
        let is_quiet = self.session.open_requests() + self.session.queued_requests() == 0;
        if is_quiet && !self.session.is_closed() {
            self.engine_passes = self.shall_pass();
        }
    }

    fn look_at_leg(&mut self, leg: u8, scene: Scene) {
        let pending = self.session.server_out(Leg(leg)).pending();
        let waiting = &mut self.servers[usize::from(leg)].waiting;
        if !pending.starts_with(waiting) {
            // A connection that is lost takes its bytes with it.
            waiting.clear();
        }
        let new = pending[waiting.len()..].to_vec();
        waiting.extend_from_slice(&new);
        if scene.passes_bytes {
            return self.ledger.passed_to_server(&new);
        }
        let begun = if self.engine_passes { self.ledger.begun().len() } else { 0 };
        let (framed, raw) = new.split_at(new.len().saturating_sub(begun));
        assert!(!self.engine_passes || raw == self.ledger.begun(), "what was begun passes on");
        let end = pending.len() - raw.len();
        self.ledger.server_gets((leg, framed, end), scene);
    }

    fn look_at_client(&mut self, scene: Scene) {
        let pending = self.session.client_out().pending();
        let new = pending.strip_prefix(&*self.to_client).expect("what waits for the client only grows");
        match scene.passes_bytes {
            true => self.ledger.passed_to_client(new),
            false => self.ledger.client_gets(new, scene),
        }
        self.to_client.extend_from_slice(new);
    }

    /// What waits in memory stays within its bounds.
    fn check_budgets(&mut self) {
        assert!(self.session.client_out().len() <= BUFFER_BYTES, "too much waits for the client");
        for leg in 0..self.choices.legs() {
            assert!(self.session.server_out(Leg(leg)).len() <= BUFFER_BYTES, "too much waits for a server");
        }
        let is_over = self.session.is_closed();
        match self.engine_passes {
            true => assert!(self.session.open_requests() <= OBSERVED_REQUESTS, "an observer remembers too many"),
            false => self.ledger.book.check_budgets(&self.session, is_over),
        }
    }

    /// Nobody waits longer than said.
    pub fn check_times(&self) {
        if self.session.is_closed() {
            return;
        }
        if !self.engine_passes {
            self.ledger.book.check_times(self.scene());
            self.ledger.check_silence(self.scene());
        }
        let is_quiet = self.session.open_requests() + self.session.queued_requests() == 0;
        let is_idle = self.now.monotonic_ns >= self.last_heard_ns + IDLE_NS;
        assert!(!(is_quiet && is_idle), "an idle session stays");
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect(Leg(leg)) => {
                let server = &mut self.servers[usize::from(leg)];
                assert!(!server.is_asked_for && !server.is_connected, "connected twice");
                server.is_asked_for = true;
            }
            Action::ResetServer(Leg(leg)) | Action::FinishServer(Leg(leg)) => {
                if !self.engine_passes && action == Action::FinishServer(Leg(leg)) {
                    self.ledger.finished(leg, self.scene());
                }
                let passes_bytes = self.engine_passes;
                let server = &mut self.servers[usize::from(leg)];
                let is_reset = matches!(action, Action::ResetServer(_));
                server.is_asked_for = false;
                // The other half of an observed stream goes on.
                server.is_connected &= !is_reset && passes_bytes;
                if is_reset {
                    self.ledger.connected(leg);
                }
            }
            Action::FinishClient => self.ledger.finishes += 1,
            Action::ResetClient => self.ledger.resets += 1,
        }
    }

    /// Sockets take what they take.
    pub fn flush(&mut self) {
        for leg in 0..self.choices.legs() {
            if !self.servers[usize::from(leg)].is_connected {
                continue;
            }
            let scene = self.scene();
            if self.ask_session(|session, ctx| session.refuse_unsent(Leg(leg), ctx)) {
                // It looks at each socket again.
                return self.look(scene);
            }
            let server = &mut self.servers[usize::from(leg)];
            let out = self.session.server_out(Leg(leg));
            let taken = out.len().min(self.server_takes);
            out.consume(taken);
            server.waiting.drain(..taken);
            self.ledger.left(leg, taken, self.now.monotonic_ns);
        }
        let out = self.session.client_out();
        let taken = out.len().min(self.client_takes);
        out.consume(taken);
        self.to_client.drain(..taken);
    }
}
