//! The plant: which servers stand behind which listener, and the policy about them.

use crate::harness::free_port;
use crate::server::{Manners, spawn};
use crate::truth::Book;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

pub const CLIENTS_PER_LISTENER: usize = 5;
/// Long enough for a busy machine to answer in, short enough to be waited for some ten thousand times.
pub const REPLY_TIMEOUT_MS: u64 = 100;

/// Units of a server, its number, and whether it answers with the id it was asked with.
type Sketch = (u8, &'static [u8], bool);

/// Servers by listener: alone, alone and without ids, and several behind one listener, gateways among them.
const SKETCHES: [&[Sketch]; 5] = [
    &[(1, &[1], true)],
    &[(2, &[1, 255], true)],
    &[(3, &[1], false)],
    &[(4, &[1], true), (5, &[11, 12, 13], true), (6, &[21, 22], false)],
    &[(7, &[31, 32, 33, 34], true)],
];

/// A listener of the guard, and where each unit id leads behind it.
pub struct Listener {
    pub port: u16,
    pub units: Vec<(u8, u8)>,
}

pub struct Plant {
    pub listeners: Vec<Listener>,
    pub book: Arc<Book>,
    servers: Vec<(Sketch, SocketAddr)>,
}

impl Plant {
    pub fn start(seed: u64) -> Self {
        let book = Arc::new(Book::default());
        let start = |&(number, units, echoes): &Sketch| {
            let manners = Manners { number, echoes, seed };
            ((number, units, echoes), spawn(manners, Arc::clone(&book)))
        };
        let servers = SKETCHES.iter().flat_map(|sketches| sketches.iter().map(start)).collect();
        let listeners = SKETCHES.iter().map(|sketches| listener(sketches)).collect();
        Self { listeners, book, servers }
    }

    pub fn document(&self) -> Value {
        let servers: Vec<_> = self.servers.iter().map(|(sketch, address)| server(sketch, *address)).collect();
        let mut next = 0..;
        let listeners = self.listeners.iter().zip(SKETCHES).map(|(listener, sketches)| {
            let behind: Vec<usize> = next.by_ref().take(sketches.len()).collect();
            json!({"address": "127.0.0.1", "port": listener.port, "servers": behind})
        });
        let listeners: Vec<Value> = listeners.collect();
        json!({
            "format": 1, "site": "test", "guard": "gate-1", "utc_offsets": [[0, 0]],
            "assets": [{"name": "hmi-1", "addresses": ["127.0.0.1"]}], "point_maps": [], "servers": servers,
            "conduits": [{
                "name": "plant", "verdicts": "enforce", "denial": {"exception": 1}, "server_silent": "exception",
                "idle_timeout_ms": 30000, "deadline_ms": 5000, "on_journal_failure": "deny_writes",
                "record_read_values": "changes",
                "budgets": {"sessions": 256, "sessions_per_client": 256, "open_requests": 16, "queued_requests": 64,
                            "denial_rows_per_second": 100},
                "listeners": listeners,
                "rules": [{"name": "all", "kind": "permit", "functions": ["read", "write"],
                           "clients": ["127.0.0.1/32"], "ranges": [["holding_register", 0, 65535]]}]
            }]
        })
    }
}

fn listener(sketches: &[Sketch]) -> Listener {
    let units = sketches.iter().flat_map(|(number, units, _)| units.iter().map(move |unit| (*unit, *number)));
    Listener { port: free_port(), units: units.collect() }
}

fn server(&(number, units, echoes): &Sketch, address: SocketAddr) -> Value {
    let tolerate = if echoes { json!([]) } else { json!(["wrong_transaction_id"]) };
    let name = format!("plc-{number}");
    json!({"name": name, "address": "127.0.0.1", "port": address.port(), "gateway": false, "tolerate": tolerate,
           "units": [{"asset": name, "unit_ids": units}], "reply_timeout_ms": REPLY_TIMEOUT_MS})
}
