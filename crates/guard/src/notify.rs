//! Tells systemd that the data loop is ready and alive (sd_notify, without its library).

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, if there is one.
pub(crate) struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// Half of what the manager would wait for.
    pub(crate) every: Option<Duration>,
}

impl Notify {
    pub(crate) fn from_environment() -> Self {
        let to = std::env::var_os("NOTIFY_SOCKET").and_then(open);
        let every = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        Self { to, every: every.map(|usec: u64| Duration::from_micros(usec / 2)) }
    }

    pub(crate) fn ready(&self) {
        self.send(b"READY=1");
    }

    pub(crate) fn alive(&self) {
        self.send(b"WATCHDOG=1");
    }

    pub(crate) fn stopping(&self) {
        self.send(b"STOPPING=1");
    }

    fn send(&self, state: &[u8]) {
        if let Some((socket, address)) = &self.to {
            // A manager that does not listen is no reason to stop guarding.
            let _ = socket.send_to_addr(state, address);
        }
    }
}

fn open(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().split_first() {
        Some((b'@', abstract_name)) => SocketAddr::from_abstract_name(abstract_name),
        _ => SocketAddr::from_pathname(&name),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, address.ok()?))
}
