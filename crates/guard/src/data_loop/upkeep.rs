//! What time brings: deadlines of conversations, the service manager's watchdog, the tick of each second.

use super::DataLoop;
use event::Kind;
use std::time::Duration;

const TICK_NS: u64 = 1_000_000_000;
/// Someone waits for the end of a drain.
const DRAIN_TICK_NS: u64 = 10_000_000;

impl DataLoop {
    /// How long nothing will happen unless a socket or the waker says so.
    pub(super) fn patience(&mut self) -> Duration {
        if !self.unfinished.is_empty()
            || self.ledger.has_commits()
            || self.handshakes.has_work()
            || self.keyring.ocsp().has_news()
        {
            return Duration::ZERO;
        }
        let now_ns = self.clock.now().monotonic_ns;
        if self.lines.arm(self.stations.next_deadline(now_ns), now_ns) {
            return Duration::ZERO;
        }
        let next = self.timers.next().unwrap_or(u64::MAX).min(self.next_tick_ns);
        let next = next.min(self.accept_again_ns.unwrap_or(u64::MAX)).min(self.handshakes.next_deadline());
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
    }

    /// Look after the drain and the watchdog at each turn, after clock and summaries at each tick.
    pub(super) fn tick(&mut self) {
        self.look_after_drain();
        self.tell_alive();
        if self.now.monotonic_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = self.now.monotonic_ns.saturating_add(self.tick_ns());
        if let Some(step) = self.clock.step(self.now) {
            self.ledger.note(Kind::ClockStepped, &format!("clock_stepped: {} ms", step / 1_000_000));
        }
        self.ledger.sum_up();
        self.look_after_certificates();
        self.look_after_status();
    }

    fn tell_alive(&mut self) {
        let Some(every_ns) = self.watchdog_ns() else { return };
        if self.now.monotonic_ns >= self.next_alive_ns {
            self.notify.alive();
            self.next_alive_ns = self.now.monotonic_ns.saturating_add(every_ns);
        }
    }

    fn tick_ns(&self) -> u64 {
        if self.intake.is_draining() {
            return DRAIN_TICK_NS;
        }
        self.watchdog_ns().map_or(TICK_NS, |every_ns| every_ns.min(TICK_NS))
    }

    /// How often the service manager wants to hear from the loop, if it does.
    fn watchdog_ns(&self) -> Option<u64> {
        let every = self.notify.every?;
        Some(u64::try_from(every.as_nanos()).unwrap_or(TICK_NS))
    }
}
