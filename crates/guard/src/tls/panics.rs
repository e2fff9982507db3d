//! A panic on purpose in a handshake, for tests only.

use std::sync::atomic::{AtomicBool, Ordering};

static IN_HANDSHAKE: AtomicBool = AtomicBool::new(false);
static IN_DIAL: AtomicBool = AtomicBool::new(false);

/// The next step of a client's handshake goes wrong.
pub(crate) fn break_handshake() {
    IN_HANDSHAKE.store(true, Ordering::SeqCst);
}

/// The next step of a handshake with a server goes wrong.
pub(crate) fn break_dial() {
    IN_DIAL.store(true, Ordering::SeqCst);
}

pub(super) fn in_handshake() {
    assert!(!IN_HANDSHAKE.swap(false, Ordering::SeqCst), "a bug in a handshake, on purpose");
}

pub(super) fn in_dial() {
    assert!(!IN_DIAL.swap(false, Ordering::SeqCst), "a bug in a handshake with a server, on purpose");
}
