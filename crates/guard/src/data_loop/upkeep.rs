//! What time brings: deadlines of conversations, the service manager's watchdog, the tick of each second.

use super::DataLoop;
use event::Kind;
use std::time::Duration;

const TICK_NS: u64 = 1_000_000_000;

impl DataLoop {
    /// How long nothing will happen unless a socket or the waker says so.
    pub(super) fn patience(&self) -> Duration {
        if !self.unfinished.is_empty() || self.ledger.has_commits() {
            return Duration::ZERO;
        }
        let now_ns = self.clock.now().monotonic_ns;
        let next = self.timers.next().unwrap_or(u64::MAX).min(self.next_tick_ns);
        let next = next.min(self.accept_again_ns.unwrap_or(u64::MAX));
        // Rounded up: epoll counts milliseconds, and waking early would spin.
        Duration::from_nanos(next.saturating_sub(now_ns).saturating_add(999_999))
    }

    pub(super) fn fire_timers(&mut self) {
        for (at_ns, key) in self.timers.due(self.now.monotonic_ns) {
            let found = self.conversations.get_mut(key.place).filter(|found| found.key == key);
            let Some(conversation) = found.filter(|found| found.timer_ns == at_ns) else { continue };
            conversation.timer_ns = u64::MAX;
            self.with(key, |conversation, turn| {
                conversation.deadline_reached(turn);
                conversation.pump(turn)
            });
        }
        if self.accept_again_ns.is_some_and(|at| at <= self.now.monotonic_ns) {
            self.accept_again_ns = None;
            for token in self.listeners.tokens() {
                self.accept(token);
            }
        }
    }

    pub(super) fn tick(&mut self) {
        self.look_after_drain();
        if self.now.monotonic_ns >= self.next_alive_ns
            && let Some(every) = self.notify.every
        {
            self.notify.alive();
            let every = u64::try_from(every.as_nanos()).unwrap_or(TICK_NS);
            self.next_alive_ns = self.now.monotonic_ns.saturating_add(every);
        }
        if self.now.monotonic_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = self.now.monotonic_ns.saturating_add(self.tick_ns());
        if let Some(step) = self.clock.step(self.now) {
            self.ledger.note(Kind::ClockStepped, &format!("clock_stepped: {} ms", step / 1_000_000));
        }
        self.ledger.sum_up();
    }

    fn tick_ns(&self) -> u64 {
        let watchdog = self.notify.every.map_or(TICK_NS, |every| u64::try_from(every.as_nanos()).unwrap_or(TICK_NS));
        if self.draining.is_some() { 10_000_000 } else { TICK_NS.min(watchdog) }
    }
}
