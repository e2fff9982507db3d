//! A loop that has its turns by hand, for tests only: late ones, or none while time passes.

use super::DataLoop;
use super::harness::{Client, Server, adu, at, document, free_port};
use crate::conversation::Conversation;
use crate::options::Options;
use crate::socket::Readiness;
use crate::start::assemble;
use crate::timers::Key;
use crate::tls::Keyring;
use crate::token::{Slot, WAKER};
use mio::{Events, Poll, Waker};
use policy::Policy;
use session::Leg;
use socket2::SockRef;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];
const DEADLINE: Duration = Duration::from_millis(50);
const SERVER: Slot = Slot::Server(0);

/// A guard without a thread: it has a turn when the test says so.
struct Driven {
    data_loop: DataLoop,
    events: Events,
}

impl Driven {
    fn start(port: u16, server: &Server) -> Self {
        let policy = policy(port, server, DEADLINE);
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).unwrap());
        let (_commands, receiver) = crossbeam_channel::unbounded();
        let places = (Options::default(), Arc::new(journal::FileSystem));
        let (data_loop, _) =
            assemble((policy, Keyring::default()), (&places.0, places.1), &waker, (poll, receiver)).unwrap();
        Self { data_loop, events: Events::with_capacity(64) }
    }

    fn turn_until(&mut self, is_so: impl Fn(&DataLoop) -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while !is_so(&self.data_loop) {
            assert!(Instant::now() < until, "it does not come to that");
            self.data_loop.poll.poll(&mut self.events, Some(Duration::from_millis(5))).unwrap();
            self.data_loop.turn(&self.events);
        }
    }

    fn conversation(&mut self) -> &mut Conversation {
        self.data_loop.conversations.iter_mut().next().unwrap().1
    }

    /// What epoll says comes to one conversation, in a turn that began whenever.
    fn serve(&mut self, slot: Slot, is: Readiness) {
        self.conversation().ready(slot, is);
        let key: Key = self.conversation().key;
        self.data_loop.serve(key);
    }
}

fn policy(port: u16, server: &Server, deadline: Duration) -> Arc<Policy> {
    let mut document = document(port, server.address, "enforce", true);
    document["conduits"][0]["deadline_ms"] = u64::try_from(deadline.as_millis()).unwrap().into();
    Arc::new(Policy::parse(document.to_string().as_bytes()).unwrap())
}

fn is_connected(data_loop: &DataLoop) -> bool {
    data_loop.conversations.iter().any(|(_, found)| found.stream(Leg(0)).is_some())
}

fn open_requests(data_loop: &DataLoop) -> usize {
    data_loop.conversations.iter().map(|(_, found)| found.session.open_requests()).sum()
}

#[test]
fn a_write_that_its_server_could_take_only_after_its_deadline_never_reaches_it() {
    let (server, port) = (Server::start(), free_port());
    let mut driven = Driven::start(port, &server);
    let mut client = Client::connect(at(port));
    driven.turn_until(is_connected);
    driven.conversation().stuff(Leg(0));
    client.0.write_all(&adu(1, 1, &WRITE)).unwrap();
    driven.turn_until(|data_loop| open_requests(data_loop) == 1);

    std::thread::sleep(DEADLINE);
    driven.serve(SERVER, Readiness::WRITABLE);

    assert_eq!(client.hears(), Some((1, vec![0x86, 6])));
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_write_that_waited_for_its_server_is_judged_by_the_moment_in_which_that_is_there() {
    let (server, port) = (Server::start(), free_port());
    let mut driven = Driven::start(port, &server);
    let mut client = Client::connect(at(port));
    driven.turn_until(|data_loop| !data_loop.conversations.is_empty());
    client.0.write_all(&adu(1, 1, &WRITE)).unwrap();
    std::thread::sleep(DEADLINE / 10);
    driven.conversation().ready(Slot::Client, Readiness::WRITABLE);
    driven.serve(Slot::Client, Readiness::READABLE);

    std::thread::sleep(DEADLINE);
    driven.serve(SERVER, Readiness::WRITABLE);
    driven.data_loop.deliver_commits();

    assert_eq!(client.hears(), Some((1, vec![0x86, 6])));
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_reload_sets_open_connections_anew_only_where_the_deadline_changed() {
    let (server, port) = (Server::start(), free_port());
    let mut driven = Driven::start(port, &server);
    let _client = Client::connect(at(port));
    driven.turn_until(is_connected);
    let limit = |driven: &mut Driven| SockRef::from(driven.conversation().stream(Leg(0)).unwrap()).tcp_user_timeout();
    // Nobody else would set this.
    let mark = Duration::from_millis(77);
    SockRef::from(driven.conversation().stream(Leg(0)).unwrap()).set_tcp_user_timeout(Some(mark)).unwrap();

    driven.data_loop.reload(policy(port, &server, DEADLINE), Keyring::default()).unwrap();
    let untouched = limit(&mut driven).unwrap();
    driven.data_loop.reload(policy(port, &server, 2 * DEADLINE), Keyring::default()).unwrap();

    assert_eq!((untouched, limit(&mut driven).unwrap()), (Some(mark), Some(2 * DEADLINE)));
}
