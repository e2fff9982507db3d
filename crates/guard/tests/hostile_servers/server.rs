//! A server that does to each request what chance says, mostly the right thing.

use crate::harness::adu;
use crate::plan::REPLY_TIMEOUT_MS;
use crate::random::Random;
use crate::truth::{Book, Mischief, answer};
use socket2::SockRef;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request in so many is wronged.
const SELDOM: u64 = 60;
/// One connection in so many.
const MORE_SELDOM: u64 = 40;
const LOOK: Duration = Duration::from_millis(5);
const AWAY: Duration = Duration::from_millis(30);
const LATE: Duration = Duration::from_millis(REPLY_TIMEOUT_MS * 3 / 2);

#[derive(Clone, Copy)]
pub struct Manners {
    pub number: u8,
    pub echoes: bool,
    pub seed: u64,
}

/// A connection of the server, and what it still means to send.
struct Connection {
    manners: Manners,
    stream: TcpStream,
    dice: Random,
    book: Arc<Book>,
    received: Vec<u8>,
    late: Vec<(Instant, Vec<u8>)>,
}

/// Start a server; where it listens.
pub fn spawn(manners: Manners, book: Arc<Book>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listen(manners, listener, &book));
    address
}

fn listen(manners: Manners, mut listener: TcpListener, book: &Arc<Book>) {
    let address = listener.local_addr().unwrap();
    let mut dice = Random::of(manners.seed, u64::from(manners.number));
    for number in 1.. {
        let Ok((stream, _)) = listener.accept() else { continue };
        if dice.below(MORE_SELDOM) == 0 {
            book.note(Mischief::AcceptsAndIsSilent);
            std::thread::spawn(move || {
                std::thread::sleep(3 * LATE);
                drop(stream);
            });
            continue;
        }
        let connection = Connection::new(manners, stream, (number, Arc::clone(book)));
        std::thread::spawn(move || connection.serve());
        if dice.below(MORE_SELDOM) == 0 {
            drop(listener);
            book.note(Mischief::Refuses);
            std::thread::sleep(AWAY);
            listener = bind_again(address);
        }
    }
}

fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

impl Connection {
    fn new(manners: Manners, stream: TcpStream, (number, book): (u64, Arc<Book>)) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LOOK)).unwrap();
        let dice = Random::of(manners.seed, (number << 8) | u64::from(manners.number));
        Self { manners, stream, dice, book, received: Vec::new(), late: Vec::new() }
    }

    fn serve(mut self) {
        let mut scratch = [0; 4096];
        loop {
            match self.stream.read(&mut scratch) {
                Ok(0) => return,
                Ok(count) => self.received.extend_from_slice(&scratch[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
            if self.answer_all().is_none() || self.send_late().is_none() {
                return;
            }
        }
    }

    /// `None` where the connection is over.
    fn answer_all(&mut self) -> Option<()> {
        while self.received.len() >= 7 {
            let length = 6 + usize::from(u16::from_be_bytes([self.received[4], self.received[5]]));
            if self.received.len() < length {
                break;
            }
            let request: Vec<u8> = self.received.drain(..length).collect();
            self.answer(&request)?;
        }
        Some(())
    }

    fn answer(&mut self, request: &[u8]) -> Option<()> {
        let (unit, pdu) = (request[6], &request[7..]);
        if pdu[0] == 16 {
            self.book.note_write(pdu);
        }
        let id = if self.manners.echoes { u16::from_be_bytes([request[0], request[1]]) } else { 0 };
        let right = adu(id, unit, &answer(self.manners.number, unit, pdu));
        if self.dice.below(SELDOM) != 0 {
            return self.send(&right);
        }
        let kinds = Mischief::OF_A_REQUEST;
        let kind = kinds[self.dice.below(kinds.len() as u64) as usize];
        self.book.note(kind);
        self.wrong(kind, right, pdu)
    }

    fn wrong(&mut self, kind: Mischief, right: Vec<u8>, asked: &[u8]) -> Option<()> {
        let half = right.len() / 2;
        match kind {
            Mischief::NeverAnswers | Mischief::Refuses | Mischief::AcceptsAndIsSilent => Some(()),
            Mischief::ResetsInMidReply => {
                self.send(&right[..half])?;
                SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok()?;
                None
            }
            Mischief::EndsInMidReply => self.send(&right[..half]).and(None),
            Mischief::WrongTransactionId => {
                if !self.manners.echoes {
                    // It has no ids; the order is all, and what it says of another request would be believed.
                    return self.send(&right);
                }
                // An id of a request that is open would be a lie that nobody can tell from the truth.
                let id = u16::from_be_bytes([right[0] ^ 0x80, right[1]]);
                self.send(&adu(id, right[6], &answer(self.manners.number, right[6], &altered(asked, 1, 0x10))))
            }
            Mischief::TwoReplies => self.send(&[right.clone(), right].concat()),
            Mischief::Late => {
                self.late.push((Instant::now() + LATE, right));
                Some(())
            }
            Mischief::AnotherUnit => {
                let (id, unit) = (u16::from_be_bytes([right[0], right[1]]), right[6] ^ 0x40);
                self.send(&adu(id, unit, &answer(self.manners.number, unit, asked)))
            }
            // The right reply follows: nobody may take it for another's.
            Mischief::AnotherFunction => self.send(&[altered(&right, 7, 0x07), right].concat()),
            Mischief::AnotherLength => self.send(&[longer(&right), right].concat()),
            Mischief::BrokenHeader => self.send(&altered(&right, 2, 0x55)),
            Mischief::InPieces => right.chunks(3).try_for_each(|piece| self.send(piece)),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).ok()
    }

    fn send_late(&mut self) -> Option<()> {
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = rest;
        due.iter().try_for_each(|(_, reply)| self.send(reply))
    }
}

fn altered(right: &[u8], at: usize, by: u8) -> Vec<u8> {
    let mut wrong = right.to_vec();
    wrong[at] ^= by;
    wrong
}

/// Two bytes more than the request asked for, with a header that fits them.
fn longer(right: &[u8]) -> Vec<u8> {
    let mut wrong = [right, &[0xAA, 0xAA]].concat();
    wrong[5] += 2;
    wrong
}
