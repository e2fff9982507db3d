//! What a conduit that nobody had to readdress is told: its listeners are the servers' own addresses.

use serde::Deserialize;

/// Transparent insertion: the kernel diverts connections to the servers' own addresses to one socket of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transparent {
    /// The loopback port that diverted connections arrive at, in both address families.
    pub port: u16,
    /// Whose address a server sees.
    pub client_address: ClientAddress,
}

/// Whose address a server sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAddress {
    /// The client's own; the port is another.
    Keep,
    /// The guard's.
    Guard,
}
