//! Notices that the disk hangs while the writer hangs with it.

use crate::shared::Shared;
use std::sync::Arc;
use std::time::Duration;

/// Watch until the journal has ended. Looks rather than being told: a signal with each commit would
/// cost more than forty looks a second.
pub(crate) fn watch(shared: &Arc<Shared>, deadline: Duration) {
    let pause = (deadline / 8).clamp(Duration::from_millis(1), Duration::from_millis(25));
    while !shared.wait_until(pause, |queue| queue.has_ended) {
        if look(shared, deadline) {
            shared.wake();
        }
    }
}

/// Whether a failure was found that nobody had seen.
fn look(shared: &Shared, deadline: Duration) -> bool {
    let mut queue = shared.lock();
    let is_late = !queue.io_is_late && queue.io_since.is_some_and(|since| since.elapsed() > deadline);
    if is_late {
        queue.io_is_late = true;
        shared.fail(&mut queue, format!("the disk has not answered for {} ms", deadline.as_millis()));
    }
    is_late
}
