//! A guard on loopback between a client and a server made here.

use guard::Guard;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A server that keeps 1,000 holding registers and counts what reaches it.
pub struct Server {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
    pub writes: Arc<AtomicUsize>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_at(at(0))
    }

    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, writes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&requests), Arc::clone(&writes));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = (Arc::clone(&counts.0), Arc::clone(&counts.1));
                std::thread::spawn(move || serve(stream, &counts));
            }
        });
        Self { address, requests, writes }
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, (requests, writes): &(Arc<AtomicUsize>, Arc<AtomicUsize>)) {
    while let Some((header, pdu)) = receive_adu(&mut stream) {
        requests.fetch_add(1, Ordering::SeqCst);
        let reply = match pdu[0] {
            3 => {
                let quantity = pdu[4];
                let mut reply = vec![3, quantity * 2];
                reply.extend((0..quantity).flat_map(|index| [0, index]));
                reply
            }
            6 | 16 => {
                writes.fetch_add(1, Ordering::SeqCst);
                pdu[..5].to_vec()
            }
            code => vec![code | 0x80, 1],
        };
        if stream.write_all(&adu(u16::from_be_bytes([header[0], header[1]]), header[6], &reply)).is_err() {
            return;
        }
    }
}

pub fn receive_adu(stream: &mut TcpStream) -> Option<([u8; 7], Vec<u8>)> {
    receive_adu_from(stream)
}

pub fn receive_adu_from(stream: &mut impl Read) -> Option<([u8; 7], Vec<u8>)> {
    let mut header = [0; 7];
    stream.read_exact(&mut header).ok()?;
    let mut pdu = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) - 1];
    stream.read_exact(&mut pdu).ok()?;
    Some((header, pdu))
}

pub fn adu(transaction_id: u16, unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let mut adu = transaction_id.to_be_bytes().to_vec();
    adu.extend([0, 0]);
    adu.extend((pdu.len() as u16 + 1).to_be_bytes());
    adu.push(unit_id);
    adu.extend(pdu);
    adu
}

/// A client's connection.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(to: SocketAddr) -> Self {
        Self::connect_from([127, 0, 0, 1], to)
    }

    pub fn connect_from(address: [u8; 4], to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub fn asks(&mut self, transaction_id: u16, pdu: &[u8]) -> Option<(u16, Vec<u8>)> {
        self.0.write_all(&adu(transaction_id, 1, pdu)).ok()?;
        self.hears()
    }

    pub fn hears(&mut self) -> Option<(u16, Vec<u8>)> {
        let (header, pdu) = receive_adu(&mut self.0)?;
        Some((u16::from_be_bytes([header[0], header[1]]), pdu))
    }
}

/// A port of this machine.
pub fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A free port, found by asking the kernel for one.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A policy: 127.0.0.1 may read; it may write where `may_write`.
pub fn document(listen: u16, server: SocketAddr, verdicts: &str, may_write: bool) -> Value {
    let functions = if may_write { json!(["read", "write"]) } else { json!(["read"]) };
    json!({
        "format": 1, "site": "test", "guard": "gate-1", "utc_offsets": [[0, 0]],
        "assets": [{"name": "hmi-1", "addresses": ["127.0.0.1"]}],
        "point_maps": [],
        "servers": [{"name": "ahu-001", "address": "127.0.0.1", "port": server.port(), "gateway": false,
                     "units": [{"asset": "ahu-001", "unit_ids": [1]}], "reply_timeout_ms": 1000}],
        "conduits": [{
            "name": "hvac", "verdicts": verdicts, "denial": {"exception": 1}, "server_silent": "exception",
            "idle_timeout_ms": 30000, "deadline_ms": 500, "on_journal_failure": "deny_writes",
            "record_read_values": "changes",
            "budgets": {"sessions": 64, "sessions_per_client": 32, "open_requests": 16, "queued_requests": 64,
                        "denial_rows_per_second": 100},
            "listeners": [{"address": "127.0.0.1", "port": listen, "servers": [0]}],
            "rules": [{"name": "hmi", "kind": "permit", "functions": functions, "clients": ["127.0.0.1/32"],
                       "ranges": [["holding_register", 0, 99]]}]
        }]
    })
}

/// A guard with a journal in `directory`.
pub fn guard(document: &Value, directory: &std::path::Path) -> Guard {
    let options = json!({"journal": {"directory": directory.join("journal"), "key_directory": directory.join("keys"),
                                     "sync_deadline_ms": 5000}});
    Guard::start(document.to_string().as_bytes(), options.to_string().as_bytes()).unwrap()
}
