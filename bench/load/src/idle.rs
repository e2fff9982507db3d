//! Many connections that were used once and then wait, for as long as the runner does.

use crate::asker::{Asking, Book, open};
use mio::{Events, Poll};
use serde::Serialize;
use std::io::Result;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Opened {
    connections: usize,
    answered: u64,
    exceptions: u64,
}

/// Ask once on each connection, say how many answered, and hold them until this process is ended.
pub(crate) fn run(asking: &Asking) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut askers = open(asking, &poll)?;
    let mut book = Book::new(0..0)?;
    let mut events = Events::with_capacity(1024);
    for asker in askers.iter_mut().flatten() {
        asker.ask(asking, 0, &mut book.tally);
        asker.pipe.flush()?;
    }
    let began = Instant::now();
    while book.tally.answered < book.tally.sent && began.elapsed() < PATIENCE {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in events.iter().filter(|event| event.is_readable()) {
            if let Some(Some(asker)) = askers.get_mut(event.token().0) {
                asker.hear(event, &mut book)?;
            }
        }
    }
    let (answered, exceptions) = (book.tally.answered, book.tally.exceptions);
    crate::say(&Opened { connections: askers.len(), answered, exceptions })?;
    loop {
        std::thread::park();
    }
}
