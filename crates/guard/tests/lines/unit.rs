//! Units on one line: a thread that answers at the line's speed, or does what a test says.

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::{append_rtu_adu, find_rtu_request};

/// What units do with a request: bytes, each with a pause before it. No bytes: the line is cut off.
pub type Manner = Box<dyn FnMut(u8, &[u8]) -> Vec<(Duration, Vec<u8>)> + Send>;

/// Every request that came, as unit and PDU.
pub type Requests = Arc<Mutex<Vec<(u8, Vec<u8>)>>>;

/// A pseudo-terminal with units behind it.
pub struct Bus {
    /// The port that a guard opens.
    pub port: String,
    /// Every request that came, as unit and PDU.
    pub heard: Requests,
    /// Held open, so that the line lives while no guard has it.
    _port: OwnedFd,
}

pub fn rtu(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_rtu_adu(&mut frame, wire::UnitId(unit), pdu);
    frame
}

/// A register holds its unit and its address; writes are confirmed.
pub fn answer(unit: u8, pdu: &[u8]) -> Vec<u8> {
    match pdu {
        [code @ (3 | 4), _, first, _, quantity] => {
            let values = (0..*quantity).flat_map(|at| [unit, first + at]);
            [*code, quantity * 2].into_iter().chain(values).collect()
        }
        [16, ..] => pdu[..5].to_vec(),
        _ => pdu.to_vec(),
    }
}

pub fn honest() -> Manner {
    paced(0)
}

/// As a line of that speed: the request's own time, silence, the reply's time.
pub fn paced(baud: u64) -> Manner {
    Box::new(move |unit, pdu| {
        let reply = rtu(unit, &answer(unit, pdu));
        if baud == 0 {
            return vec![(Duration::ZERO, reply)];
        }
        let byte = Duration::from_nanos(11 * 1_000_000_000 / baud);
        let gap = if baud > 19_200 { Duration::from_micros(1_750) } else { byte * 7 / 2 };
        let bytes = u32::try_from(pdu.len() + 3 + reply.len()).unwrap();
        vec![(byte * bytes + gap, reply)]
    })
}

/// A pseudo-terminal without echo or line discipline: its near end, the name of its far end, and that held open.
pub fn terminal() -> (OwnedFd, String, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let port = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = open(port.as_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let mut termios = rustix::termios::tcgetattr(&slave).unwrap();
    termios.make_raw();
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &termios).unwrap();
    (master, port, slave)
}

impl Bus {
    pub fn start(manner: Manner) -> Self {
        let (master, port, slave) = terminal();
        let heard = Requests::default();
        let (told, master) = (Arc::clone(&heard), File::from(master));
        std::thread::spawn(move || serve(master.try_clone().unwrap(), master, manner, &told));
        Self { port, heard, _port: slave }
    }

    pub fn requests(&self) -> Vec<(u8, Vec<u8>)> {
        self.heard.lock().unwrap().clone()
    }
}

/// A device server: RTU over TCP, one connection at a time.
pub fn device_server(manner: impl Fn() -> Manner + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream.try_clone().unwrap(), stream, manner(), &Requests::default());
        }
    });
    address
}

fn serve(mut from: impl Read, mut to: impl Write, mut manner: Manner, told: &Requests) {
    let (mut heard, mut piece) = (Vec::new(), [0; 512]);
    while let Ok(count @ 1..) = from.read(&mut piece) {
        heard.extend_from_slice(&piece[..count]);
        while let Some(found) = find_rtu_request(&heard, false) {
            let (unit, pdu) = (found.adu.unit_id.0, found.adu.pdu.to_vec());
            heard.drain(..pdu.len() + 3);
            let says = manner(unit, &pdu);
            told.lock().unwrap().push((unit, pdu));
            for (pause, bytes) in says {
                std::thread::sleep(pause);
                if bytes.is_empty() {
                    // Cut off: the far end of the line is closed.
                    return;
                }
                if to.write_all(&bytes).is_err() {
                    return;
                }
            }
        }
    }
}
