//! The second sink: records of what passes while the journal fails (RFC 5424 over UDP or a Unix socket).
//!
//! Never waits: what the socket does not take at once is counted as lost here, and the
//! journal keeps its own bounded memory of the same rows.

use crate::far_syslog::FarSyslog;
use event::Event;
use std::fmt::Write as _;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Facility 13 (log audit), severity 5 (notice): RFC 5424 §6.2.1.
const PRIORITY: u8 = 13 * 8 + 5;

pub(crate) enum Syslog {
    Udp(FarSyslog),
    /// Named anew with each record, for a syslog that starts later or again.
    Unix(UnixDatagram, PathBuf),
}

impl Syslog {
    /// Open towards `host:port` or a socket's path, and say what is wrong there if anything is:
    /// no syslog is a reason not to start.
    pub(crate) fn open(address: &str) -> io::Result<(Self, Option<String>)> {
        if address.starts_with('/') {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            return Ok((Self::Unix(socket, PathBuf::from(address)), None));
        }
        let (far, problem) = FarSyslog::open(address);
        Ok((Self::Udp(far), problem))
    }

    /// Send one event; `false` when it could not be handed over.
    pub(crate) fn send(&mut self, event: &Event, now_ns: u64) -> bool {
        let line = render(event);
        match self {
            Self::Udp(far) => far.send(line.as_bytes(), now_ns),
            Self::Unix(socket, path) => socket.send_to(line.as_bytes(), path).is_ok(),
        }
    }
}

fn render(event: &Event) -> String {
    let time = jiff::Timestamp::from_nanosecond(event.time.into()).unwrap_or_default();
    let host = event.guard.as_deref().unwrap_or("-");
    let mut line = format!("<{PRIORITY}>1 {time:.6} {host} modwarden - {} -", event.kind);
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing into a String cannot fail.
            let _ = write!(line, " {name}={value}");
        }
    };
    field("conduit", event.conduit.as_deref().map(str::to_owned));
    field("client", event.client_address.map(|address| address.to_string()));
    field("server", event.server.as_deref().map(str::to_owned));
    field("unit_id", event.unit_id.map(|unit| unit.to_string()));
    field("function_code", event.function_code.map(|code| code.to_string()));
    field("address", event.address.map(|address| address.to_string()));
    field("quantity", event.quantity.map(|quantity| quantity.to_string()));
    field("values", event.values.as_deref().map(|values| format!("{values:?}").replace(' ', "")));
    field("rule", event.rule.as_deref().map(str::to_owned));
    field("reason", event.reason.as_deref().map(|reason| format!("{reason:?}")));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Kind;
    use std::sync::Arc;

    #[test]
    fn a_syslog_that_starts_later_still_hears() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (mut syslog, _) = Syslog::open(path.to_str().unwrap()).unwrap();
        assert!(!syslog.send(&Event::default(), 0));
        let listener = UnixDatagram::bind(&path).unwrap();

        assert!(syslog.send(&Event::default(), 0));
        assert!(listener.recv(&mut [0; 1024]).unwrap() > 0);
    }

    #[test]
    fn a_line_says_when_who_what_and_why() {
        let event = Event {
            time: 1_700_000_000_123_456_000,
            kind: Kind::RequestPermitted,
            guard: Some(Arc::from("gate-1")),
            server: Some(Arc::from("ahu-001")),
            values: Some(Arc::from([1, 2])),
            ..Event::default()
        };

        assert_eq!(
            render(&event),
            "<109>1 2023-11-14T22:13:20.123456Z gate-1 modwarden - request.permitted - server=ahu-001 values=[1,2]"
        );
    }
}
