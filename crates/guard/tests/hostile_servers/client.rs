//! A client that knows the only right answer to each of its requests.

use crate::harness::adu;
use crate::plan::Listener;
use crate::random::Random;
use crate::truth::answer;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Far beyond all the guard's own time limits.
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_AT_ONCE: u64 = 6;
const WRITES_PERCENT: u64 = 30;
const NEVER: &str = "no exception that the guard or these servers give";

/// What one client saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub sent: u64,
    pub replies: u64,
    pub exceptions: u64,
    pub closed: u64,
    pub hung: u64,
    pub connections: u64,
    pub wrong: Vec<String>,
}

/// All clients' requests together.
pub struct Work {
    left: AtomicU64,
    seed: u64,
}

/// The open requests of a connection by transaction id: unit, PDU and the server asked.
type Open = BTreeMap<u16, (u8, Vec<u8>, u8)>;

enum Heard {
    Frame(u16, u8, Vec<u8>),
    Closed,
    Nothing,
}

struct Player<'a> {
    number: u16,
    listener: &'a Listener,
    dice: Random,
    next: u32,
    seen: Seen,
}

impl Seen {
    pub fn and(mut self, mut other: Self) -> Self {
        self.sent += other.sent;
        self.replies += other.replies;
        self.exceptions += other.exceptions;
        self.closed += other.closed;
        self.hung += other.hung;
        self.connections += other.connections;
        self.wrong.append(&mut other.wrong);
        self
    }
}

impl Work {
    pub fn of(requests: u64, seed: u64) -> Self {
        Self { left: AtomicU64::new(requests), seed }
    }

    /// Ask until all of the work is done.
    pub fn play(&self, number: u16, listener: &Listener) -> Seen {
        let dice = Random::of(self.seed, 0xC000 + u64::from(number));
        let mut player = Player { number, listener, dice, next: 0, seen: Seen::default() };
        while self.left.load(Ordering::SeqCst) > 0 {
            player.connect_and_ask(self);
        }
        player.seen
    }

    fn take(&self, wanted: u64) -> u64 {
        let before =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(wanted)));
        if before.unwrap() > 0 { wanted } else { 0 }
    }
}

impl Player<'_> {
    fn connect_and_ask(&mut self, work: &Work) {
        let Ok(mut stream) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.listener.port))) else {
            return std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.seen.connections += 1;
        loop {
            let count = work.take(1 + self.dice.below(MOST_AT_ONCE));
            if count == 0 || self.ask_all(&mut stream, count).is_none() {
                return;
            }
        }
    }

    /// Send so many at once and hear how each ends; `None` where the connection ended.
    fn ask_all(&mut self, stream: &mut TcpStream, count: u64) -> Option<()> {
        let (mut open, mut bytes) = (Open::new(), Vec::new());
        for _ in 0..count {
            let (id, unit, pdu, server) = self.request();
            bytes.extend(adu(id, unit, &pdu));
            open.insert(id, (unit, pdu, server));
        }
        self.seen.sent += count;
        let is_sent = stream.write_all(&bytes).is_ok();
        while !open.is_empty() {
            match if is_sent { hear(stream) } else { Heard::Closed } {
                Heard::Frame(id, unit, pdu) => self.judge(&mut open, (id, unit, &pdu)),
                Heard::Closed => {
                    self.seen.closed += open.len() as u64;
                    return None;
                }
                Heard::Nothing => {
                    self.seen.hung += open.len() as u64;
                    return None;
                }
            }
        }
        Some(())
    }

    /// Each request differs from all that are near it in time, of other clients too.
    fn request(&mut self) -> (u16, u8, Vec<u8>, u8) {
        self.next = self.next.wrapping_add(1);
        let units = &self.listener.units;
        let (unit, server) = units[self.dice.below(units.len() as u64) as usize];
        let address = (self.number * 2_600 + (self.next % 2_500) as u16).to_be_bytes();
        let id = self.next as u16;
        let pdu = if self.dice.below(100) < WRITES_PERCENT {
            let number = ((u32::from(self.number) << 26) | self.next).to_be_bytes();
            [&[16][..], &address, &[0, 2, 4], &number].concat()
        } else {
            let quantity = 2 + self.dice.below(3) as u8;
            [&[3][..], &address, &[0, quantity]].concat()
        };
        (id, unit, pdu, server)
    }

    fn judge(&mut self, open: &mut Open, (id, unit, pdu): (u16, u8, &[u8])) {
        let Some((asked_unit, asked, server)) = open.remove(&id) else {
            return self.seen.wrong.push(format!("client {}: {id} answers nothing: {pdu:?}", self.number));
        };
        if pdu.len() == 2 && pdu[0] == (asked[0] | 0x80) && unit == asked_unit {
            assert!(matches!(pdu[1], 0x06 | 0x0A | 0x0B), "{NEVER}: {pdu:?}");
            self.seen.exceptions += 1;
        } else if unit == asked_unit && pdu == answer(server, unit, &asked) {
            self.seen.replies += 1;
        } else {
            let right = answer(server, asked_unit, &asked);
            self.seen
                .wrong
                .push(format!("client {}: {asked:?} of {asked_unit} got {pdu:?}, not {right:?}", self.number));
        }
    }
}

fn hear(stream: &mut TcpStream) -> Heard {
    let mut header = [0; 7];
    if let Err(error) = stream.read_exact(&mut header) {
        let is_silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        return if is_silent { Heard::Nothing } else { Heard::Closed };
    }
    let mut pdu = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) - 1];
    match stream.read_exact(&mut pdu) {
        Ok(()) => Heard::Frame(u16::from_be_bytes([header[0], header[1]]), header[6], pdu),
        Err(_) => Heard::Closed,
    }
}
