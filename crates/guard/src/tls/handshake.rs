//! One handshake under way: it goes on when the wire does, and ends as a session's beginning or as a refusal.

use super::complaint::Complaint;
use super::credential::Credential;
use super::gate::Gate;
use super::judge::{Bench, When};
use super::ocsp::Standing;
use super::refusal::{Reason, Refusal};
use super::stream::{TlsStream, wants_wire};
use crate::accept::{Arrival, Guest};
use crate::socket::Readiness;
use mio::net::TcpStream;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslVerifyMode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How far one step came.
pub(crate) enum Step {
    Waiting,
    Done(Arc<Credential>, Vec<Complaint>),
    Refused(Refusal),
}

pub(crate) struct Handshake {
    pub(crate) arrival: Arrival,
    pub(crate) guest: Guest,
    /// No other handshake ever has this number.
    pub(crate) number: u64,
    /// It waits for its turn already.
    pub(crate) is_queued: bool,
    pub(crate) gate: Arc<Gate>,
    stream: Box<TlsStream>,
    bench: Bench,
    /// Who it is, while a responder has not said whether that may come in.
    settled: Option<(Arc<Credential>, Vec<Complaint>)>,
}

impl Handshake {
    pub(crate) fn begin(
        stream: TcpStream,
        (arrival, guest, number): (Arrival, Guest, u64),
        gate: Arc<Gate>,
        when: When,
    ) -> Result<Self, ErrorStack> {
        let mut ssl = Ssl::new(&gate.context)?;
        let bench = Bench::default();
        let (hears, anchors) = (bench.clone(), Arc::clone(&gate.anchors));
        ssl.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, move |is_fine, context| {
            hears.hear((&anchors, when), is_fine, context)
        });
        let stream = Box::new(TlsStream::new(ssl, stream)?);
        Ok(Self { arrival, guest, number, is_queued: false, gate, stream, bench, settled: None })
    }

    pub(crate) fn ready(&mut self, is: Readiness) {
        self.stream.ready(is);
    }

    /// Go on as far as the wire goes. A panic refuses this one connection.
    pub(crate) fn step(&mut self, when: When) -> Step {
        let step = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            super::panics::in_handshake();
            self.go_on(when)
        }));
        step.unwrap_or_else(|_| Step::Refused(Refusal::new(Reason::Internal, "")))
    }

    pub(crate) fn into_stream(self) -> Box<TlsStream> {
        self.stream
    }

    /// Whether only a responder's answer is missing.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_some()
    }

    fn go_on(&mut self, when: When) -> Step {
        if let Some((credential, complaints)) = self.settled.take() {
            return self.decide(credential, complaints);
        }
        match self.stream.accept() {
            Ok(()) => match self.identify(when) {
                Ok((credential, complaints)) => self.decide(credential, complaints),
                Err(refusal) => Step::Refused(refusal),
            },
            Err(error) if wants_wire(&error) => Step::Waiting,
            Err(error) => Step::Refused(match self.bench.take() {
                Some(Err(refusal)) => refusal,
                _ => Refusal::of_handshake(&error, self.stream.tap()),
            }),
        }
    }

    fn decide(&mut self, credential: Arc<Credential>, complaints: Vec<Complaint>) -> Step {
        match self.gate.asks.as_ref().map_or(Standing::Fine, |asks| asks.judge(&credential)) {
            Standing::Fine => {
                self.stream.open();
                Step::Done(credential, complaints)
            }
            Standing::Waiting => {
                self.settled = Some((credential, complaints));
                Step::Waiting
            }
            Standing::Refused(refusal) => Step::Refused(refusal),
        }
    }

    fn identify(&self, when: When) -> Result<(Arc<Credential>, Vec<Complaint>), Refusal> {
        if self.stream.ssl().session_reused() {
            return self.gate.recall(self.stream.ssl(), when);
        }
        // Where no certificate was judged nobody is there, whatever OpenSSL thinks.
        let judged = self.bench.take().ok_or_else(|| Refusal::new(Reason::IdentityLost, "nothing was judged"))?;
        let (credential, complaints) = judged?;
        Ok((self.gate.shelf.put(credential), complaints))
    }
}
