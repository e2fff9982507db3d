//! A syslog over UDP, found by a thread of its own: a name server may take seconds to say no.
//!
//! Kept true here: sending never waits; a syslog that cannot be found is searched for again
//! when there is something to send, by one thread at a time and not more than once a second.

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, bounded};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

/// A start shall not wait longer for a name server (the first request is to pass within 2 s).
const START_WAIT: Duration = Duration::from_millis(500);
const SEARCH_AGAIN_NS: u64 = 1_000_000_000;

/// Resolves an address and opens a socket towards it.
type Find = fn(&str) -> io::Result<UdpSocket>;

pub(crate) struct FarSyslog {
    address: String,
    find: Find,
    socket: Option<UdpSocket>,
    search: Option<Receiver<io::Result<UdpSocket>>>,
    search_again_ns: u64,
}

impl FarSyslog {
    /// Search for `host:port`, and say so where it is not found soon.
    pub(crate) fn open(address: &str) -> (Self, Option<String>) {
        Self::open_with(address, find)
    }

    fn open_with(address: &str, find: Find) -> (Self, Option<String>) {
        let mut far =
            Self { address: address.to_owned(), find, socket: None, search: begin(address, find), search_again_ns: 0 };
        let found = far.search.as_ref().map(|search| search.recv_timeout(START_WAIT));
        let why = match found {
            Some(Ok(found)) => far.found(found),
            Some(Err(RecvTimeoutError::Timeout)) => Some("no answer from the name server yet".to_owned()),
            Some(Err(RecvTimeoutError::Disconnected)) | None => Some("no thread to search with".to_owned()),
        };
        let problem =
            why.map(|why| format!("syslog: {address}: {why}: searched for again when there is a record to send"));
        (far, problem)
    }

    /// Send one line; `false` when it could not be handed over.
    pub(crate) fn send(&mut self, line: &[u8], now_ns: u64) -> bool {
        if self.socket.is_none() {
            self.look(now_ns);
        }
        self.socket.as_ref().is_some_and(|socket| socket.send(line).is_ok())
    }

    /// See what a search has brought, and begin another where that was nothing.
    fn look(&mut self, now_ns: u64) {
        match self.search.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(found)) => drop(self.found(found)),
            Some(Err(TryRecvError::Disconnected)) | None => self.search = None,
        }
        if self.socket.is_none() && now_ns >= self.search_again_ns {
            self.search = begin(&self.address, self.find);
            self.search_again_ns = now_ns.saturating_add(SEARCH_AGAIN_NS);
        }
    }

    /// Take what a search has brought; why it brought nothing.
    fn found(&mut self, found: io::Result<UdpSocket>) -> Option<String> {
        self.search = None;
        match found {
            Ok(socket) => {
                self.socket = Some(socket);
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Search on a thread of its own; `None` where the system gives none.
fn begin(address: &str, find: Find) -> Option<Receiver<io::Result<UdpSocket>>> {
    let (found, search) = bounded(1);
    let address = address.to_owned();
    let work = move || {
        // Whoever asked may have ended.
        let _ = found.send(find(&address));
    };
    std::thread::Builder::new().name("syslog".to_owned()).spawn(work).ok()?;
    Some(search)
}

fn find(address: &str) -> io::Result<UdpSocket> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match connect(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The search is over as soon as its thread has spoken; nothing is sent before.
    fn await_search(far: &FarSyslog) {
        while far.search.as_ref().is_some_and(Receiver::is_empty) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_syslog_that_is_found_at_once_has_no_problem_and_hears() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut far, problem) = FarSyslog::open(&listener.local_addr().unwrap().to_string());

        assert_eq!(problem, None);
        assert!(far.send(b"line", 0));
        assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 4);
    }

    #[test]
    fn a_syslog_that_cannot_be_found_is_searched_for_again_but_not_more_than_once_a_second() {
        static SEARCHES: AtomicUsize = AtomicUsize::new(0);
        let (mut far, problem) = FarSyslog::open_with("log.plant:514", |_| {
            SEARCHES.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::other("no such name"))
        });
        assert!(problem.unwrap().starts_with("syslog: log.plant:514: no such name"));

        for tenth in 0..30 {
            assert!(!far.send(b"line", tenth * 100_000_000));
            await_search(&far);
        }

        assert_eq!(SEARCHES.load(Ordering::SeqCst), 1 + 3);
    }

    #[test]
    fn a_syslog_that_is_found_later_hears_from_then_on() {
        static SEARCHES: AtomicUsize = AtomicUsize::new(0);
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut far, problem) = FarSyslog::open_with(&listener.local_addr().unwrap().to_string(), |address| {
            match SEARCHES.fetch_add(1, Ordering::SeqCst) {
                0 => Err(io::Error::other("no such name")),
                _ => find(address),
            }
        });
        assert!(problem.is_some());
        assert!(!far.send(b"line", 0));
        await_search(&far);

        assert!(far.send(b"line", 1));
        assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 4);
    }
}
