//! How much of a line's time each client has had, and may have.
//!
//! Theory: each party has a count of the time it has used. Who has used least goes first. A party that comes back
//! after a pause starts where the one served last stands, so that pauses are not saved up. A bound on a party's share is a
//! theoretical moment: what it uses moves that moment on by as much as its share would take for it, and it waits
//! while the moment lies more than a burst ahead.

use core::net::IpAddr;

/// What one party may use at once before its share binds it.
const BURST_NS: u64 = 1_000_000_000;
/// How far ahead of the others a party's writes may bring it.
const AHEAD_NS: u64 = 500_000_000;

#[derive(Clone, Copy, Debug)]
struct Party {
    address: IpAddr,
    used_ns: u64,
    /// When its use so far would have been within its share.
    even_ns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Parties {
    parties: Vec<Party>,
    /// Where the party stood that was served last.
    floor_ns: u64,
}

// === impl Parties ===

impl Parties {
    /// A party has something to send and had nothing before.
    pub(crate) fn awake(&mut self, address: IpAddr) {
        let floor_ns = self.floor_ns;
        let party = self.party_mut(address);
        party.used_ns = party.used_ns.max(floor_ns);
    }

    pub(crate) fn used_ns(&self, address: IpAddr) -> u64 {
        self.find(address).map_or(self.floor_ns, |party| party.used_ns)
    }

    /// Whether its writes may go before others' reads.
    pub(crate) fn is_near(&self, address: IpAddr) -> bool {
        self.used_ns(address) <= self.floor_ns.saturating_add(AHEAD_NS)
    }

    /// When it may send, by its share.
    pub(crate) fn free_ns(&self, address: IpAddr) -> u64 {
        self.find(address).map_or(0, |party| party.even_ns.saturating_sub(BURST_NS))
    }

    pub(crate) fn serve(&mut self, address: IpAddr, is_urgent: bool) {
        let used_ns = self.used_ns(address);
        if !is_urgent {
            self.floor_ns = self.floor_ns.max(used_ns);
        }
    }

    pub(crate) fn charge(&mut self, address: IpAddr, cost_ns: u64, share: u32, now_ns: u64) {
        let party = self.party_mut(address);
        party.used_ns = party.used_ns.saturating_add(cost_ns);
        if share < 100 {
            let stretched_ns = cost_ns.saturating_mul(100) / u64::from(share.max(1));
            party.even_ns = party.even_ns.max(now_ns).saturating_add(stretched_ns);
        }
    }

    /// Forget those that are gone and owe nothing.
    pub(crate) fn forget(&mut self, now_ns: u64, is_here: impl Fn(IpAddr) -> bool) {
        self.parties.retain(|party| party.even_ns > now_ns || is_here(party.address));
    }

    fn find(&self, address: IpAddr) -> Option<&Party> {
        self.parties.iter().find(|party| party.address == address)
    }

    fn party_mut(&mut self, address: IpAddr) -> &mut Party {
        let at = self.parties.iter().position(|party| party.address == address);
        let at = at.unwrap_or(self.parties.len());
        if at == self.parties.len() {
            self.parties.push(Party { address, used_ns: self.floor_ns, even_ns: 0 });
        }
        self.parties.get_mut(at).expect("it was found, or has just been added")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn a_pause_is_not_saved_up() {
        let mut parties = Parties::default();
        for _ in 0..10 {
            parties.serve(A, false);
            parties.charge(A, 1_000, 100, 0);
        }
        parties.awake(B);

        assert_eq!((parties.used_ns(A), parties.used_ns(B)), (10_000, 9_000));
    }

    #[test]
    fn a_share_binds_after_a_burst() {
        let mut parties = Parties::default();
        for _ in 0..8 {
            parties.charge(A, 100_000_000, 25, 0);
        }

        // 0.8 s at a quarter are 3.2 s, one of which may be ahead.
        assert_eq!((parties.free_ns(A), parties.free_ns(B)), (2_200_000_000, 0));
    }
}
