//! What a policy says of a line, as the line needs it.

use super::end::Way;
use line::{Framing, LineConfig, Pace};
use policy::document::{self, Line, Parity, Serial, Server};
use std::net::SocketAddr;
use std::time::Duration;
use wire::{AddressRange, Span, UnitId};

/// What is sent and not acknowledged for as long ends a shared connection: no later than the default deadline of a bus.
const UNACKNOWLEDGED: Duration = Duration::from_secs(2);

pub(crate) fn way_of(server: &Server) -> Option<Way> {
    let line = server.line.as_ref()?;
    if let Some(serial) = &line.serial {
        return Some(Way::Serial(serial.clone()));
    }
    let to = SocketAddr::new(server.address?, server.port);
    Some(Way::Tcp { to, unacknowledged: UNACKNOWLEDGED, expects: server.tls.as_ref().map(|tls| tls.name.clone()) })
}

pub(crate) fn config_of(server: &Server) -> Option<LineConfig> {
    let line = server.line.as_ref()?;
    let framing = match line.framing {
        document::Framing::Rtu => Framing::Rtu,
        document::Framing::Mbap => Framing::Mbap,
    };
    let pace = match &line.serial {
        Some(serial) => pace_of(serial),
        None => Pace::tcp(nanoseconds(line.pause_ms)),
    };
    Some(LineConfig {
        pipeline: usize::try_from(line.pipeline).unwrap_or(1),
        reply_timeout_ns: nanoseconds(server.reply_timeout_ms),
        turnaround_ns: nanoseconds(line.turnaround_ms),
        window_ns: nanoseconds(line.window_ms),
        read_retries: line.read_retries,
        has_echo: line.echo,
        client_share: line.client_share,
        lifetime_ns: nanoseconds(line.lifetime_ms),
        has_broadcast: server.gateway,
        side_effects: side_effects(line),
        twins: twins(server),
        ..LineConfig::new(framing, pace)
    })
}

/// How many sessions may share a line.
pub(crate) fn most_of(server: &Server) -> usize {
    let clients = server.line.as_ref().map_or(0, |line| line.clients);
    usize::try_from(clients).ok().filter(|most| *most > 0).unwrap_or(usize::MAX)
}

/// How fast a serial line is.
pub(crate) fn pace_of(serial: &Serial) -> Pace {
    Pace::serial(serial.baud, bits_of(serial))
}

/// Start, data, parity and stop bits.
fn bits_of(serial: &Serial) -> u32 {
    let parity = u32::from(serial.parity != Parity::None);
    1 + u32::from(serial.data_bits) + parity + u32::from(serial.stop_bits)
}

fn side_effects(line: &Line) -> Vec<(UnitId, Span)> {
    let span = |&(unit, table, first, last): &(u8, document::Table, u16, u16)| {
        let range = AddressRange::new(first, last.checked_sub(first)?.checked_add(1)?)?;
        Some((UnitId(unit), Span::new(table.into(), range)))
    };
    line.side_effects.iter().filter_map(span).collect()
}

fn twins(server: &Server) -> Vec<Vec<UnitId>> {
    let ids = server.units.iter().map(|unit| unit.unit_ids.iter().copied().map(UnitId).collect::<Vec<_>>());
    ids.filter(|ids| ids.len() > 1).collect()
}

fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}
