//! What is known of peers' certificates, and what is to be asked.
//!
//! Kept true here:
//! * a certificate has one question under way at most, at most so many wait, and as few entries are kept;
//! * a good answer counts until it ends, however many questions after it fail;
//! * a responder that was silent is left alone for a while, so that one that is gone keeps no question waiting;
//! * of a failure one row is made for a certificate in an hour.

use super::asks::{Manner, Subject, Whose};
use super::desks::{Bell, Desks, Reply};
use super::question::{Heard, Question};
use super::status::Counts;
use crate::tls::credential::Credential;
use crate::tls::refusal::{Reason, Refusal};
use mio::Waker;
use policy::document::HttpAddress;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Certificates of a large site, several times.
const MOST_ENTRIES: usize = 4096;
const MOST_WAITING: usize = 256;
/// Responders that are left alone; a site has one or two.
const MOST_QUIET: usize = 64;
/// Before a certificate is asked about anew for a new session, and a silent responder at all.
const RETRY: Duration = Duration::from_secs(5);
/// Before it is for an open session, which nothing happens to meanwhile.
const RETRY_LIVE: Duration = Duration::from_secs(60);

/// Before a row says again that nobody says anything of a certificate.
const TELL_AGAIN: Duration = Duration::from_secs(3_600);

/// What handshakes and the data loop ask.
pub(crate) struct Ocsp {
    register: Mutex<Register>,
    has_rung: Arc<AtomicBool>,
}

/// Whether somebody may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Fine,
    /// The answer will say.
    Waiting,
    Refused(Refusal),
}

/// What the data loop must hear of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Open sessions are looked at anew.
    Revoked,
    /// For a row.
    Unanswered(Whose, String),
}

pub(super) struct Register {
    pub(super) entries: HashMap<Subject, Entry>,
    waiting: VecDeque<Subject>,
    desks: Desks,
    /// Replies for which nobody had to be asked.
    instant: Vec<Reply>,
    quiet: HashMap<HttpAddress, Instant>,
    pub(super) counts: Counts,
    /// When to look at open sessions again.
    look: Option<Instant>,
    bell: Bell,
}

pub(super) struct Entry {
    manner: Arc<Manner>,
    pub(super) credential: Arc<Credential>,
    pub(super) good_until: Option<Instant>,
    pub(super) revoked: Option<String>,
    pub(super) failure: Option<Failure>,
    pub(super) is_asked: bool,
    /// An open session has it asked.
    is_live: bool,
    /// When an open session has it asked anew.
    due: Instant,
    told: Option<(Reason, Instant)>,
}

pub(super) struct Failure {
    pub(super) reason: Reason,
    detail: String,
    at: Instant,
}

impl Default for Ocsp {
    fn default() -> Self {
        let bell = Bell::default();
        let has_rung = Arc::clone(&bell.has_rung);
        Self { register: Mutex::new(Register::new(bell)), has_rung }
    }
}

impl Ocsp {
    /// Whom a reply is to wake.
    pub(crate) fn wake_by(&self, waker: &Arc<Waker>) {
        let mut register = self.lock();
        register.desks.wake_by(Arc::clone(waker));
    }

    /// Whether there is something to hear.
    pub(crate) fn has_news(&self) -> bool {
        self.has_rung.load(Ordering::Acquire)
    }

    /// What was heard since the last call; whoever waits may look again.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.has_rung.store(false, Ordering::Release);
        self.lock().take_news(Instant::now())
    }

    /// Once a second: whether open sessions are to be looked at.
    pub(crate) fn tick(&self) -> bool {
        self.lock().tick(Instant::now())
    }

    /// Other files are in force: open sessions are looked at, whatever was known of them.
    pub(crate) fn look_soon(&self) {
        self.lock().look = None;
    }

    /// All open sessions were looked at.
    pub(crate) fn looked(&self) {
        self.lock().looked(Instant::now());
    }

    pub(super) fn judge(&self, manner: &Arc<Manner>, credential: &Arc<Credential>, now: Instant) -> Standing {
        self.lock().judge((manner, credential), now)
    }

    pub(super) fn keep_current(
        &self,
        manner: &Arc<Manner>,
        credential: &Arc<Credential>,
        now: Instant,
    ) -> Option<Refusal> {
        self.lock().keep_current((manner, credential), now)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    fn new(bell: Bell) -> Self {
        Self {
            entries: HashMap::new(),
            waiting: VecDeque::new(),
            desks: Desks::new(bell.clone()),
            instant: Vec::new(),
            quiet: HashMap::new(),
            counts: Counts::default(),
            look: None,
            bell,
        }
    }

    pub(super) fn judge(&mut self, (manner, credential): (&Arc<Manner>, &Arc<Credential>), now: Instant) -> Standing {
        let Some(subject) = manner.subject(credential) else { return Standing::Fine };
        if self.entry(&subject, (manner, credential), now).wants_for_new(now) {
            self.ask(&subject, now);
        }
        self.entries.get(&subject).map_or(Standing::Fine, |entry| entry.standing(now))
    }

    pub(super) fn keep_current(
        &mut self,
        (manner, credential): (&Arc<Manner>, &Arc<Credential>),
        now: Instant,
    ) -> Option<Refusal> {
        let subject = manner.subject(credential)?;
        let entry = self.entry(&subject, (manner, credential), now);
        if !entry.is_asked && entry.due <= now {
            entry.is_live = true;
            self.ask(&subject, now);
        }
        self.entries.get(&subject)?.refusal_of_revoked()
    }

    /// What is known, with the files that are in force now.
    fn entry(
        &mut self,
        subject: &Subject,
        (manner, credential): (&Arc<Manner>, &Arc<Credential>),
        now: Instant,
    ) -> &mut Entry {
        if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(subject) {
            self.make_room(now);
        }
        let entry = self.entries.entry(subject.clone()).or_insert_with(|| Entry::new((manner, credential), now));
        (entry.manner, entry.credential) = (Arc::clone(manner), Arc::clone(credential));
        entry
    }

    /// What is revoked is forgotten last.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.is_asked || entry.revoked.is_some() || entry.is_good(now));
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.retain(|_, entry| entry.is_asked || entry.revoked.is_some());
        }
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.retain(|_, entry| entry.is_asked);
        }
    }

    fn ask(&mut self, subject: &Subject, now: Instant) {
        let Some(entry) = self.entries.get_mut(subject) else { return };
        entry.is_asked = true;
        if self.waiting.len() >= MOST_WAITING {
            return self.answer(subject, Reason::OcspSilent, "too many questions wait".to_owned());
        }
        self.waiting.push_back(subject.clone());
        self.dispatch(now);
    }

    fn answer(&mut self, subject: &Subject, reason: Reason, what: String) {
        self.instant.push(Reply { desk: None, subject: subject.clone(), heard: Heard::Failed(reason, what) });
        self.bell.has_rung.store(true, Ordering::Release);
    }

    /// Hand questions over as long as somebody can ask them.
    fn dispatch(&mut self, now: Instant) {
        while let Some(subject) = self.waiting.front().cloned() {
            match &subject.responder {
                None => self.answer(&subject, Reason::OcspNoResponder, "it names none that can be asked".to_owned()),
                Some(address) if self.quiet.get(address).is_some_and(|until| *until > now) => {
                    self.answer(&subject, Reason::OcspSilent, "it was silent and is left alone for a while".to_owned());
                }
                Some(_) if !self.desks.has_room() => return,
                Some(address) => self.hand_over(&subject, address.clone(), now),
            }
            self.waiting.pop_front();
        }
    }

    fn hand_over(&mut self, subject: &Subject, address: HttpAddress, now: Instant) {
        let Some(entry) = self.entries.get(subject) else { return };
        let (credential, manner) = (Arc::clone(&entry.credential), Arc::clone(&entry.manner));
        let question = Question { subject: subject.clone(), address, credential, manner };
        if let Some(reply) = self.desks.hand_over(question, now) {
            self.instant.push(reply);
            self.bell.has_rung.store(true, Ordering::Release);
        }
    }

    pub(super) fn take_news(&mut self, now: Instant) -> Vec<News> {
        let mut replies = std::mem::take(&mut self.instant);
        replies.extend(self.desks.take_replies());
        let news = replies.into_iter().filter_map(|reply| self.hear(reply, now)).collect();
        self.dispatch(now);
        news
    }

    fn hear(&mut self, Reply { desk, subject, heard }: Reply, now: Instant) -> Option<News> {
        self.counts.add(&heard);
        if let (Heard::Failed(Reason::OcspSilent, _), Some(_), Some(address)) = (&heard, desk, &subject.responder) {
            self.leave_alone(address.clone(), now);
        }
        let entry = self.entries.get_mut(&subject)?;
        let news = entry.hear(heard, now);
        self.look = self.look.map(|look| look.min(entry.due));
        news
    }

    fn leave_alone(&mut self, address: HttpAddress, now: Instant) {
        if self.quiet.len() >= MOST_QUIET {
            self.quiet.clear();
        }
        self.quiet.insert(address, now + RETRY);
    }

    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let given_up = self.desks.give_up(now);
        if !given_up.is_empty() {
            self.instant.extend(given_up);
            self.bell.has_rung.store(true, Ordering::Release);
        }
        self.look.is_none_or(|look| look <= now)
    }

    /// Nobody has open what was due and was not asked about: it is forgotten when it says nothing any more.
    fn looked(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.is_asked || entry.due > now || entry.is_worth_keeping(now));
        let due = self.entries.values().filter(|entry| !entry.is_asked && entry.due > now).map(|entry| entry.due).min();
        self.look = Some(due.unwrap_or(now + RETRY_LIVE).min(now + RETRY_LIVE));
    }
}

impl Entry {
    fn new((manner, credential): (&Arc<Manner>, &Arc<Credential>), now: Instant) -> Self {
        Self {
            manner: Arc::clone(manner),
            credential: Arc::clone(credential),
            good_until: None,
            revoked: None,
            failure: None,
            is_asked: false,
            is_live: false,
            due: now,
            told: None,
        }
    }

    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.good_until.is_some_and(|until| until > now)
    }

    /// Whether a new session has it asked.
    fn wants_for_new(&self, now: Instant) -> bool {
        let has_failed_lately = self.failure.as_ref().is_some_and(|failure| failure.at + RETRY > now);
        let is_known = self.is_good(now) || self.revoked.is_some();
        !self.is_asked && !has_failed_lately && (!is_known || self.due <= now)
    }

    fn standing(&self, now: Instant) -> Standing {
        if let Some(refusal) = self.refusal_of_revoked() {
            return Standing::Refused(refusal);
        }
        match &self.failure {
            _ if self.is_good(now) || !self.manner.refuses_silence() => Standing::Fine,
            _ if self.is_asked => Standing::Waiting,
            Some(failure) => Standing::Refused(Refusal::new(failure.reason, self.told_of(&failure.detail))),
            None => Standing::Refused(Refusal::new(Reason::OcspSilent, self.told_of("nobody was asked"))),
        }
    }

    fn refusal_of_revoked(&self) -> Option<Refusal> {
        let since = self.revoked.as_ref()?;
        Some(Refusal::new(Reason::Revoked, self.told_of(&format!("revoked since {since}"))))
    }

    /// Of whom, by whom, and what.
    fn told_of(&self, what: &str) -> String {
        let responder = self.manner.subject(&self.credential).and_then(|subject| subject.responder);
        let responder = responder.map(|address| format!("{address}: ")).unwrap_or_default();
        format!("{}: {responder}{what}", self.credential.whom)
    }

    fn hear(&mut self, heard: Heard, now: Instant) -> Option<News> {
        let is_live = std::mem::take(&mut self.is_live);
        self.is_asked = false;
        match heard {
            Heard::Good(left) => {
                (self.good_until, self.revoked, self.failure) = (Some(now + left), None, None);
                self.due = now + left * 3 / 4;
                None
            }
            Heard::Revoked(since) => {
                (self.good_until, self.revoked, self.failure) = (None, Some(since), None);
                self.due = now + self.manner.max_age();
                Some(News::Revoked)
            }
            Heard::Failed(reason, detail) => self.fail((reason, detail), is_live, now),
        }
    }

    fn fail(&mut self, (reason, detail): (Reason, String), is_live: bool, now: Instant) -> Option<News> {
        let again = now + RETRY_LIVE.min(self.manner.max_age());
        self.due = self.good_until.filter(|until| *until > now).map_or(again, |until| again.min(until));
        let told = format!("{}: {}", reason.word(), self.told_of(&detail));
        self.failure = Some(Failure { reason, detail, at: now });
        if self.is_good(now) || self.revoked.is_some() {
            return None;
        }
        // Whom it keeps out has a row of its own.
        let concerns_nobody = self.manner.refuses_silence() && !is_live;
        let is_told = self.told.is_some_and(|(known, at)| known == reason && at + TELL_AGAIN > now);
        if concerns_nobody || is_told {
            return None;
        }
        self.told = Some((reason, now));
        Some(News::Unanswered(self.manner.whose.clone(), told))
    }

    /// Whether it says something that would be missed, though nobody has it open.
    fn is_worth_keeping(&self, now: Instant) -> bool {
        self.revoked.is_some() || self.is_good(now) || self.is_told_lately(now)
    }

    fn is_told_lately(&self, now: Instant) -> bool {
        self.told.is_some_and(|(_, at)| at + TELL_AGAIN > now)
    }
}
