//! Client addresses: prefixes, and the few classes of clients that a conduit's rules tell apart.
//!
//! Kept true here: an IPv4 address mapped into IPv6 is that IPv4 address, in rules as
//! in clients, so that a dual-stack socket opens no way around a rule.

use crate::stretches::Stretches;
use std::net::IpAddr;

/// A CIDR prefix, host bits cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix {
    network: IpAddr,
    length: u8,
}

/// Which clients no rule of a conduit tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientClass(usize);

/// Finds a client's class in O(log) of the conduit's prefixes.
#[derive(Debug)]
pub(crate) struct ClientClasses {
    v4: Stretches<u128, ClientClass>,
    v6: Stretches<u128, ClientClass>,
}

/// Clients that only rules for all clients name.
const UNNAMED: ClientClass = ClientClass(0);

// === impl Prefix ===

impl Prefix {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let length = length.unwrap_or(width(address));
        if length > width(address) {
            return None;
        }
        Some(Self::normalised(address, length))
    }

    fn normalised(address: IpAddr, length: u8) -> Self {
        match (address, address.to_canonical(), length.checked_sub(96)) {
            (IpAddr::V6(_), canonical @ IpAddr::V4(_), Some(length)) => Self { network: canonical, length },
            _ => Self { network: address, length },
        }
    }

    pub(crate) fn contains(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let (first, end) = self.bounds();
        let at = number(client);
        client.is_ipv4() == self.network.is_ipv4() && first <= at && end.is_none_or(|end| at < end)
    }

    /// First address, and the one after the last; `None` after the end of the address space.
    fn bounds(&self) -> (u128, Option<u128>) {
        let host_bits = u32::from(width(self.network) - self.length);
        let Some(size) = 1_u128.checked_shl(host_bits) else {
            return (0, None);
        };
        let first = number(self.network) & !(size - 1);
        (first, first.checked_add(size))
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

// === impl ClientClasses ===

impl ClientClasses {
    pub(crate) fn new<'a>(prefixes: impl Iterator<Item = &'a Prefix> + Clone) -> Self {
        let mut class = 0;
        let mut family = |is_ipv4: bool| {
            let ranges = prefixes.clone().filter(|prefix| prefix.network.is_ipv4() == is_ipv4).enumerate();
            let ranges = ranges.map(|(id, prefix)| (prefix.bounds().0, prefix.bounds().1, id));
            Stretches::sweep(ranges.collect(), |named| {
                class += usize::from(!named.is_empty());
                if named.is_empty() { UNNAMED } else { ClientClass(class) }
            })
        };
        Self { v4: family(true), v6: family(false) }
    }

    pub(crate) fn of(&self, client: IpAddr) -> ClientClass {
        let client = client.to_canonical();
        let family = if client.is_ipv4() { &self.v4 } else { &self.v6 };
        family.at(number(client)).copied().unwrap_or(UNNAMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefix: &str, client: &str) -> bool {
        Prefix::parse(prefix).unwrap().contains(client.parse().unwrap())
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        let parsed = ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a.b.c.d", "10.0.0.0/-1"].map(Prefix::parse);

        assert_eq!(parsed, [None; 6]);
    }

    #[test]
    fn a_prefix_contains_its_ends_and_not_its_neighbours() {
        assert!(!contains("10.1.0.0/16", "10.0.255.255"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(!contains("fd00::/64", "fd00:0:0:1::"));
        assert!(contains("10.1.0.0/16", "10.1.0.0"));
        assert!(contains("10.1.0.0/16", "10.1.255.255"));
        assert!(contains("0.0.0.0/0", "255.255.255.255"));
        assert!(contains("::/0", "ffff::ffff"));
        assert!(contains("fd00::/64", "fd00::ffff:ffff:ffff:ffff"));
    }

    #[test]
    fn a_mapped_client_is_its_ipv4_address() {
        assert!(!contains("10.1.0.0/16", "::ffff:10.2.0.1"));
        assert!(!contains("10.1.0.0/16", "::a01:1"));
        assert!(contains("10.1.0.0/16", "::ffff:10.1.0.1"));
        assert!(contains("::ffff:10.1.0.0/112", "10.1.0.1"));
    }

    #[test]
    fn clients_no_rule_tells_apart_share_a_class() {
        let prefixes = ["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"].map(|text| Prefix::parse(text).unwrap());
        let classes = ClientClasses::new(prefixes.iter());
        let class = |client: &str| classes.of(client.parse().unwrap());

        assert_eq!(class("9.255.255.255"), class("11.0.0.0"));
        assert_eq!(class("9.255.255.255"), class("2001:db8::1"));
        assert_eq!(class("10.1.0.0"), class("::ffff:10.1.255.255"));
        assert_ne!(class("10.0.0.1"), class("10.1.0.1"));
        assert_ne!(class("10.0.0.1"), class("11.0.0.0"));
        assert_ne!(class("10.0.0.1"), class("fd00::1"));
    }
}
