//! One handshake with a server under way: it goes on when the wire does, and ends as a connection or as a refusal.
//!
//! Kept true here: a panic refuses this one connection; a server that never asked who connects is told apart.

use super::complaint::Complaint;
use super::credential::Credential;
use super::credential::whom;
use super::handshake::Step;
use super::judge::{Bench, When};
use super::ocsp::Standing;
use super::refusal::{Reason, Refusal};
use super::server_gate::ServerGate;
use super::stream::{TlsStream, wants_wire};
use crate::socket::Readiness;
use crate::wire::Wire;
use openssl::error::ErrorStack;
use openssl::ssl::SslVerifyMode;
use policy::document::OneSided;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) struct Dial {
    pub(crate) gate: Arc<ServerGate>,
    stream: Box<TlsStream>,
    bench: Bench,
    /// Something came, or there is room, since the last step.
    is_stirred: bool,
    /// Who it is, while a responder has not said whether that may be used.
    settled: Option<(Arc<Credential>, Vec<Complaint>)>,
}

impl Dial {
    /// Over a connection that is there.
    pub(crate) fn begin(wire: Wire, gate: Arc<ServerGate>, when: When) -> Result<Self, ErrorStack> {
        let mut ssl = gate.dial()?;
        let bench = Bench::default();
        let (hears, anchors) = (bench.clone(), Arc::clone(gate.anchors()));
        ssl.set_verify_callback(SslVerifyMode::PEER, move |is_fine, context| {
            hears.hear((&anchors, when), is_fine, context)
        });
        let stream = Box::new(TlsStream::over(ssl, wire)?);
        Ok(Self { gate, stream, bench, is_stirred: true, settled: None })
    }

    pub(crate) fn ready(&mut self, is: Readiness) {
        self.stream.ready(is);
        self.is_stirred = true;
    }

    /// Whether only a responder's answer is missing.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_some()
    }

    /// Why it is given up when its time is over.
    pub(crate) fn late(&self) -> Refusal {
        match self.is_settled() {
            true => Refusal::new(Reason::OcspSilent, "the handshake could wait no longer"),
            false => Refusal::new(Reason::HandshakeTimeout, ""),
        }
    }

    /// A responder said something, perhaps about this server.
    pub(crate) fn stir(&mut self) {
        self.is_stirred |= self.is_settled();
    }

    /// Whether a step could come further than the one before.
    pub(crate) fn can_step(&self) -> bool {
        self.is_stirred
    }

    /// Go on as far as the wire goes.
    pub(crate) fn step(&mut self, when: When) -> Step {
        self.is_stirred = false;
        let step = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            super::panics::in_dial();
            self.go_on(when)
        }));
        step.unwrap_or_else(|_| Step::Refused(Refusal::new(Reason::Internal, "")))
    }

    pub(crate) fn into_stream(self) -> Box<TlsStream> {
        self.stream
    }

    fn go_on(&mut self, when: When) -> Step {
        if let Some((credential, complaints)) = self.settled.take() {
            return self.decide(credential, complaints);
        }
        match self.stream.connect() {
            Ok(()) => match self.identify(when) {
                Ok(step) => step,
                Err(refusal) => Step::Refused(refusal),
            },
            Err(error) if wants_wire(&error) => Step::Waiting,
            Err(error) => Step::Refused(match self.bench.take() {
                Some(Err(refusal)) => refusal,
                _ => Refusal::of_dial(&error, self.stream.tap()),
            }),
        }
    }

    fn identify(&mut self, when: When) -> Result<Step, Refusal> {
        let ssl = self.stream.ssl();
        let (credential, mut complaints) = if ssl.session_reused() {
            self.gate.recall(ssl, when)?
        } else {
            let lost = || Refusal::new(Reason::IdentityLost, "nothing was judged");
            let (credential, complaints) = self.bench.take().ok_or_else(lost)??;
            (self.gate.keep(credential), complaints)
        };
        if !ssl.session_reused() && !ffi::has_signed(ssl) {
            let whose = ssl.peer_certificate().map(|leaf| whom(&leaf)).unwrap_or_default();
            match self.gate.one_sided {
                OneSided::Refuse => return Err(Refusal::new(Reason::OneSided, whose)),
                OneSided::Warn => complaints.push(Complaint::OneSided),
            }
        }
        Ok(self.decide(credential, complaints))
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
}
