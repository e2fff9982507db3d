//! A crowd of clients, each of which connects, proves who it is in a full handshake, reads once and leaves.

use crate::asker::{Clock, nanos};
use crate::frame::{Cut, Request, cut};
use crate::link::{Secured, step};
use crate::socket::begin;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslStream};
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Where, from where, how many at once and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    target: SocketAddr,
    sources: Vec<IpAddr>,
    /// Connections under way at once.
    crowd: usize,
    tls: Secured,
    /// The address that each source reads at: source n at n times as much.
    per_source: u16,
    warm_up_s: f64,
    seconds: f64,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Answers within the measured time, each behind a handshake of its own.
    handshakes: u64,
    per_second: f64,
    /// In all, warm-up included.
    sent: u64,
    failed: u64,
}

/// One client.
struct Guest {
    stream: SslStream<TcpStream>,
    is_secure: bool,
    received: Vec<u8>,
}

struct Crowd<'a> {
    settings: &'a Settings,
    context: SslContext,
    poll: Poll,
    guests: Vec<Option<Guest>>,
    begun: usize,
    report: Report,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let (warm_up, whole) = (nanos(settings.warm_up_s)?, nanos(settings.warm_up_s + settings.seconds)?);
    let report = Report { handshakes: 0, per_second: 0.0, sent: 0, failed: 0 };
    let guests = (0..settings.crowd).map(|_| None).collect();
    let mut crowd = Crowd { settings, context: settings.tls.context()?, poll: Poll::new()?, guests, begun: 0, report };
    let (clock, mut events, mut is_measuring) = (Clock::start(), Events::with_capacity(1024), false);
    for place in 0..settings.crowd {
        crowd.admit(place)?;
    }
    while clock.now() < whole {
        if !is_measuring && clock.now() >= warm_up {
            is_measuring = true;
            crowd.report.handshakes = 0;
            crate::say(&"begin")?;
        }
        crowd.poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            crowd.turn(event.token().0)?;
        }
    }
    crate::say(&"end")?;
    // Exact far beyond any count of a run.
    crowd.report.per_second = crowd.report.handshakes as f64 / settings.seconds;
    Ok(crowd.report)
}

impl Crowd<'_> {
    fn admit(&mut self, place: usize) -> Result<()> {
        let sources = &self.settings.sources;
        let source = sources.get(place % sources.len().max(1)).ok_or_else(|| Error::other("no sources"))?;
        let mut stream = begin(*source, self.settings.target, true)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(place), interests)?;
        self.begun += 1;
        let stream = SslStream::new(Ssl::new(&self.context)?, stream)?;
        let guest = Guest { stream, is_secure: false, received: Vec::new() };
        if let Some(slot) = self.guests.get_mut(place) {
            *slot = Some(guest);
        }
        Ok(())
    }

    fn turn(&mut self, place: usize) -> Result<()> {
        let source = place % self.settings.sources.len().max(1);
        let address = self.settings.per_source.wrapping_mul(u16::try_from(source).unwrap_or(0));
        let Some(guest) = self.guests.get_mut(place).and_then(Option::as_mut) else { return Ok(()) };
        let is_done = guest.go_on(address);
        if matches!(is_done, Ok(false)) {
            return Ok(());
        }
        self.report.sent += 1;
        match is_done {
            Ok(_) => self.report.handshakes += 1,
            Err(_) => self.report.failed += 1,
        }
        // A reset: a port that waits a minute could not be used again.
        SockRef::from(guest.stream.get_ref()).set_linger(Some(Duration::ZERO))?;
        self.admit(place)
    }
}

impl Guest {
    /// Whether its answer is there.
    fn go_on(&mut self, address: u16) -> Result<bool> {
        if !self.is_secure {
            if self.stream.get_ref().peer_addr().is_err() {
                return match self.stream.get_ref().take_error()? {
                    Some(error) => Err(error),
                    None => Ok(false),
                };
            }
            if !step(&mut self.stream)? {
                return Ok(false);
            }
            self.is_secure = true;
            let mut out = Vec::new();
            Request { transaction_id: 1, unit_id: 1, address, is_write: false }.put(&mut out);
            self.stream.ssl_write(&out).map_err(Error::other)?;
        }
        let mut bytes = [0; 512];
        loop {
            match self.stream.ssl_read(&mut bytes) {
                Ok(count) => self.received.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.code() == ErrorCode::WANT_READ => break,
                Err(error) => return Err(Error::other(error)),
            }
        }
        Ok(matches!(cut(&self.received), Cut::Frame(..)))
    }
}
