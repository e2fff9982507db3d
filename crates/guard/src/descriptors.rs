//! Holds the process's descriptor limit against what the policy's budgets may need.
//!
//! Kept true here: however many connections peers open, journal, control socket and reload find descriptors.
//! The kernel gives the lowest number that is free, so a high number means that all below it are in use.

use mio::net::TcpStream;
use policy::document::Document;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::fd::AsRawFd as _;

/// Journal, epoll, sockets of the host process.
const OTHER_DESCRIPTORS: u64 = 64;
/// No connection takes these: the next segment, a question at the control socket, and a reload's child need some.
const RESERVE: u64 = 32;

/// What the limit is after raising it, and what the budgets could use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    pub(crate) limit: u64,
    pub(crate) needed: u64,
}

impl Descriptors {
    /// Whether a client's connection would take what is kept for others.
    pub(crate) fn is_beyond_clients(self, stream: &TcpStream, is_unnamed: bool) -> bool {
        number(stream) >= self.for_clients(is_unnamed)
    }

    /// Where the limit is below the budgets, an eighth is kept for connections to servers: a session
    /// that is open must not lose its server to those who only come to fill the table. Of the rest,
    /// clients that no rule names leave half to those that one does.
    fn for_clients(self, is_unnamed: bool) -> u64 {
        let most = self.limit.saturating_sub(RESERVE);
        if self.limit >= self.needed {
            return most;
        }
        let most = most.saturating_sub(self.limit / 8);
        if is_unnamed { most / 2 } else { most }
    }

    /// Whether a connection to a server would take what is kept for the guard itself.
    pub(crate) fn is_beyond_servers(self, stream: &TcpStream) -> bool {
        number(stream) >= self.limit.saturating_sub(RESERVE)
    }

    /// What a person should know where the budgets promise more than the system gives.
    pub(crate) fn warning(self) -> Option<String> {
        let Self { limit, needed } = self;
        (limit < needed).then(|| {
            format!(
                "descriptors: the limit is {limit} but the budgets may need {needed}: \
                 set LimitNOFILE={needed} in the guard's systemd unit, or lower the budgets of sessions"
            )
        })
    }
}

fn number(stream: &TcpStream) -> u64 {
    u64::try_from(stream.as_raw_fd()).unwrap_or(u64::MAX)
}

/// Raise the soft limit to what the budgets need, as far as the hard one goes.
pub(crate) fn raise(document: &Document) -> Descriptors {
    let needed = needed(document);
    let now = getrlimit(Resource::Nofile);
    let soft = now.current.unwrap_or(u64::MAX);
    if soft >= needed {
        return Descriptors { limit: soft, needed };
    }
    let wanted = needed.min(now.maximum.unwrap_or(u64::MAX));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum });
    Descriptors { limit: if raised.is_ok() { wanted } else { soft }, needed }
}

fn needed(document: &Document) -> u64 {
    let sessions = document.conduits.iter().map(|conduit| {
        let legs = conduit.listeners.iter().map(|listener| listener.servers.len()).max().unwrap_or(0);
        u64::from(conduit.budgets.sessions).saturating_mul(1 + legs as u64)
    });
    let listeners: usize = document.conduits.iter().map(|conduit| conduit.listeners.len()).sum();
    sessions.sum::<u64>().saturating_add(listeners as u64).saturating_add(OTHER_DESCRIPTORS + RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_descriptors_are_short_strangers_leave_half_of_them_to_clients_that_a_rule_names() {
        let (short, enough) = (Descriptors { limit: 256, needed: 2_144 }, Descriptors { limit: 2_144, needed: 2_144 });
        let of = |descriptors: Descriptors| [false, true].map(|is_unnamed| descriptors.for_clients(is_unnamed));

        assert_eq!((of(short), of(enough)), ([192, 96], [2_112, 2_112]));
    }

    #[test]
    fn a_limit_below_the_budgets_is_told_with_both_numbers_and_the_cure() {
        let warning = Descriptors { limit: 4_096, needed: 10_064 }.warning().unwrap();

        for part in ["limit is 4096", "need 10064", "LimitNOFILE=10064"] {
            assert!(warning.contains(part), "{warning}");
        }
        assert_eq!(Descriptors { limit: 10_064, needed: 10_064 }.warning(), None);
    }
}
