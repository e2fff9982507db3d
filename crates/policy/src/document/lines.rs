//! How clients share a bus or a connection, and how a serial port is set.

use super::Table;
use serde::Deserialize;

/// A line to a server, or to the units behind it, that all sessions share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The serial port; `None`: a TCP connection to the server's address.
    #[serde(default)]
    pub serial: Option<Serial>,
    /// How frames stand on it.
    pub framing: Framing,
    /// Requests that may be open at once; 1 with RTU.
    pub pipeline: u32,
    /// Between two requests. Milliseconds; a serial line has its own silences.
    pub pause_ms: u64,
    /// How long a connection is kept; 0: as long as it lasts. Milliseconds.
    pub lifetime_ms: u64,
    /// How long units need for a broadcast. Milliseconds.
    pub turnaround_ms: u64,
    /// How long a read answers the same read again; 0: never. Milliseconds.
    pub window_ms: u64,
    /// How often a read without a reply is repeated.
    pub read_retries: u32,
    /// Whether what is sent is heard.
    pub echo: bool,
    /// The part of the line's time that one client may have, percent.
    pub client_share: u32,
    /// Sessions that may share it at once; 0: as many as come.
    #[serde(default)]
    pub clients: u32,
    /// `[unit_id, table, first, last]`: reads that have an effect, and are never answered from a window.
    #[serde(default)]
    pub side_effects: Vec<(u8, Table, u16, u16)>,
}

/// How frames stand on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// RTU, on a serial port or over TCP.
    Rtu,
    /// MBAP.
    Mbap,
}

/// A serial port, as its line needs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// Its device file.
    pub port: String,
    /// Its speed.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// Its parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}
