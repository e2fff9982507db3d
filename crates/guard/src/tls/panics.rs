//! A panic on purpose in a handshake, for tests only.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

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

static AT_DESK: AtomicU8 = AtomicU8::new(0);

/// The next thread that asks a responder dies, or hangs for a while.
pub(crate) fn break_desk(hangs: bool) {
    AT_DESK.store(1 + u8::from(hangs), Ordering::SeqCst);
}

/// Whether it has gone wrong.
pub(crate) fn desk_is_broken() -> bool {
    AT_DESK.load(Ordering::SeqCst) == 0
}

pub(super) fn in_desk() {
    match AT_DESK.swap(0, Ordering::SeqCst) {
        0 => {}
        1 => panic!("a bug in a thread that asks, on purpose"),
        _ => std::thread::sleep(std::time::Duration::from_secs(8)),
    }
}
