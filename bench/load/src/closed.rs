//! Closed loop: each connection sends its next request when an answer has come.

use crate::asker::{Asker, Asking, Book, open};
use crate::phases::Phases;
use crate::tally::Report;
use mio::event::Event;
use mio::{Events, Poll};
use serde::Deserialize;
use std::io::Result;
use std::time::Duration;

/// What is asked, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    asking: Asking,
    /// Open requests of each connection.
    depth: usize,
    warm_up_s: f64,
    seconds: f64,
}

struct Closed<'a> {
    settings: &'a Settings,
    phases: Phases,
    book: Book,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let mut poll = Poll::new()?;
    let mut askers = open(&settings.asking, &poll)?;
    let mut events = Events::with_capacity(1024);
    let phases = Phases::new(settings.warm_up_s, settings.seconds)?;
    let book = Book::new(phases.window())?;
    let mut run = Closed { settings, phases, book };
    for asker in askers.iter_mut().flatten() {
        run.fill(asker)?;
    }
    while run.phases.is_on(run.book.clock.now(), &askers) {
        poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            run.turn(&mut askers, event);
        }
        run.phases.announce(run.book.clock.now())?;
    }
    Ok(run.book.tally.report(run.phases.measured_ns()))
}

impl Closed<'_> {
    fn turn(&mut self, askers: &mut [Option<Asker>], event: &Event) {
        let Some(slot) = askers.get_mut(event.token().0) else { return };
        let Some(mut asker) = slot.take() else { return };
        if self.serve(&mut asker, event).is_ok() {
            *slot = Some(asker);
        } else {
            self.book.tally.broken += 1;
        }
    }

    fn serve(&mut self, asker: &mut Asker, event: &Event) -> Result<()> {
        if event.is_readable() {
            asker.hear(event, &mut self.book)?;
        }
        self.fill(asker)
    }

    fn fill(&mut self, asker: &mut Asker) -> Result<()> {
        let now = self.book.clock.now();
        while now < self.phases.sending && asker.open.len() < self.settings.depth {
            asker.ask(&self.settings.asking, now, &mut self.book.tally);
        }
        asker.pipe.flush()
    }
}
