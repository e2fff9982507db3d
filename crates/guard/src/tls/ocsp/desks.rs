//! The threads that ask: a few, begun when there is something to ask, each with one question at a time.
//!
//! Kept true here:
//! * whoever hands a question over waits for nothing;
//! * a thread that panics or hangs has its question answered with silence, and another takes its place;
//! * there are only so many, those that hang with them.

use super::asks::Subject;
use super::question::{Heard, Question};
use crate::tls::refusal::Reason;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mio::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A responder that is slow must not keep those who ask another waiting.
const MOST: usize = 4;
/// Threads that hang, for instance in a name server; as long as there are more of them no other is begun.
const MOST_HANGING: usize = 4;
/// Beyond the deadline of a question: then its thread hangs.
const GRACE: Duration = Duration::from_secs(2);

pub(super) struct Desks {
    desks: Vec<Desk>,
    hanging: Vec<JoinHandle<()>>,
    replies: (Sender<Reply>, Receiver<Reply>),
    bell: Bell,
    next: u64,
}

/// Tells the data loop that there is something to hear.
#[derive(Clone, Default)]
pub(super) struct Bell {
    pub(super) has_rung: Arc<AtomicBool>,
    pub(super) waker: Option<Arc<Waker>>,
}

pub(super) struct Reply {
    /// Whose thread; `None`: nobody was asked.
    pub(super) desk: Option<u64>,
    pub(super) subject: Subject,
    pub(super) heard: Heard,
}

struct Desk {
    number: u64,
    questions: Sender<Question>,
    thread: JoinHandle<()>,
    busy: Option<(Subject, Instant)>,
}

impl Desks {
    pub(super) fn new(bell: Bell) -> Self {
        Self { desks: Vec::new(), hanging: Vec::new(), replies: unbounded(), bell, next: 0 }
    }

    pub(super) fn wake_by(&mut self, waker: Arc<Waker>) {
        self.bell.waker = Some(waker);
    }

    /// Whether a question could be handed over now.
    pub(super) fn has_room(&mut self) -> bool {
        self.desks.iter().any(|desk| desk.busy.is_none()) || (self.desks.len() < MOST && self.may_begin())
    }

    /// Have it asked; where no thread can be had it is as though the responder were silent.
    pub(super) fn hand_over(&mut self, question: Question, now: Instant) -> Option<Reply> {
        let subject = question.subject.clone();
        let until = now + question.timeout() + GRACE;
        let lost = |subject| Some(Reply { desk: None, subject, heard: silence("no thread can be had to ask") });
        let idle = self.desks.iter().position(|desk| desk.busy.is_none()).or_else(|| self.begin());
        let Some(desk) = idle.and_then(|place| self.desks.get_mut(place)) else { return lost(subject) };
        desk.busy = Some((subject.clone(), until));
        // It is dead where it does not hear: found when its time is over.
        let _ = desk.questions.try_send(question);
        None
    }

    /// What was heard since the last call.
    pub(super) fn take_replies(&mut self) -> Vec<Reply> {
        let replies: Vec<Reply> = self.replies.1.try_iter().collect();
        for reply in &replies {
            let of = self.desks.iter_mut().find(|desk| Some(desk.number) == reply.desk);
            of.into_iter().for_each(|desk| desk.busy = None);
        }
        replies
    }

    /// Threads that died or hang are given up, and what they were asked is answered with silence.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<Reply> {
        let (lost, kept) = std::mem::take(&mut self.desks).into_iter().partition(|desk: &Desk| desk.is_lost(now));
        self.desks = kept;
        let mut replies = Vec::new();
        for Desk { thread, busy, .. } in lost {
            let what =
                if thread.is_finished() { "the thread that asked has died" } else { "the thread that asks hangs" };
            self.hanging.push(thread);
            replies.extend(busy.map(|(subject, _)| Reply { desk: None, subject, heard: silence(what) }));
        }
        self.hanging.retain(|thread| !thread.is_finished());
        replies
    }

    fn may_begin(&mut self) -> bool {
        self.hanging.retain(|thread| !thread.is_finished());
        self.hanging.len() < MOST_HANGING
    }

    /// One more, by its place.
    fn begin(&mut self) -> Option<usize> {
        if self.desks.len() >= MOST || !self.may_begin() {
            return None;
        }
        let (questions, asked) = bounded(1);
        let (number, replies, bell) = (self.next, self.replies.0.clone(), self.bell.clone());
        self.next += 1;
        let thread = std::thread::Builder::new().name("ocsp".to_owned());
        let thread = thread.spawn(move || work(number, &asked, (&replies, &bell))).ok()?;
        self.desks.push(Desk { number, questions, thread, busy: None });
        Some(self.desks.len() - 1)
    }
}

impl Desk {
    fn is_lost(&self, now: Instant) -> bool {
        self.thread.is_finished() || self.busy.as_ref().is_some_and(|(_, until)| *until <= now)
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        self.has_rung.store(true, Ordering::Release);
        if let Some(waker) = &self.waker {
            // The loop also looks each second.
            let _ = waker.wake();
        }
    }
}

/// Until the guard ends.
fn work(number: u64, questions: &Receiver<Question>, (replies, bell): (&Sender<Reply>, &Bell)) {
    while let Ok(question) = questions.recv() {
        #[cfg(test)]
        crate::tls::panics::in_desk();
        let heard = catch_unwind(AssertUnwindSafe(|| question.ask()));
        let heard = heard.unwrap_or_else(|_| silence("the guard's own mistake: a panic"));
        if replies.send(Reply { desk: Some(number), subject: question.subject, heard }).is_err() {
            return;
        }
        bell.ring();
    }
}

fn silence(what: &str) -> Heard {
    Heard::Failed(Reason::OcspSilent, what.to_owned())
}
