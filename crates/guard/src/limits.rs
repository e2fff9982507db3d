//! The budgets and limits a peer can meet, by the names that `status`, `top` and the metrics show.

use std::collections::BTreeMap;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Sessions of a conduit.
    Sessions,
    /// Sessions of one client.
    SessionsPerClient,
    /// Sessions of all clients that no rule names.
    SessionsUnnamed,
    /// Open files of the process, less those kept for its own use.
    Descriptors,
    /// The kernel gave no further connection: accepting pauses.
    AcceptPaused,
    /// A request waited, for so many of its session were open.
    OpenRequests,
    /// A request was refused, for so many of its session waited.
    QueuedRequests,
    /// A client left its replies unread, so no more is read from it.
    ClientBytes,
    /// A server took no more bytes, so no more is read for it.
    ServerBytes,
    /// A client asked for nothing for too long.
    IdleTimeout,
    /// A client began a request and did not end it in that time.
    SlowFrame,
    /// A refusal was counted instead of written.
    DenialRows,
    /// A session's row was counted instead of written.
    SessionRows,
    /// A row about a server's reply was counted instead of written.
    ResponseRows,
    /// No connection to a server could be begun.
    ServerConnect,
    /// As many clients share a line as may.
    LineClients,
    /// TLS handshakes under way, of all clients, of one, or of those that no rule names.
    TlsHandshakes,
    /// A TLS handshake was not done in time.
    HandshakeTimeout,
    /// A diverted connection was to no declared server.
    UndeclaredDestination,
}

/// How often each was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met([u64; Limit::ALL.len()]);

/// Rows that found no room in the journal's queue, which keeps that count itself.
pub(crate) const JOURNAL_QUEUE: &str = "journal_queue";

impl Limit {
    const ALL: [Self; 19] = [
        Self::Sessions,
        Self::SessionsPerClient,
        Self::SessionsUnnamed,
        Self::Descriptors,
        Self::AcceptPaused,
        Self::OpenRequests,
        Self::QueuedRequests,
        Self::ClientBytes,
        Self::ServerBytes,
        Self::IdleTimeout,
        Self::SlowFrame,
        Self::DenialRows,
        Self::SessionRows,
        Self::ResponseRows,
        Self::ServerConnect,
        Self::LineClients,
        Self::TlsHandshakes,
        Self::HandshakeTimeout,
        Self::UndeclaredDestination,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::SessionsPerClient => "sessions_per_client",
            Self::SessionsUnnamed => "sessions_unnamed",
            Self::Descriptors => "descriptors",
            Self::AcceptPaused => "accept_paused",
            Self::OpenRequests => "open_requests",
            Self::QueuedRequests => "queued_requests",
            Self::ClientBytes => "client_bytes",
            Self::ServerBytes => "server_bytes",
            Self::IdleTimeout => "idle_timeout",
            Self::SlowFrame => "slow_frame",
            Self::DenialRows => "denial_rows_per_second",
            Self::SessionRows => "session_rows_per_second",
            Self::ResponseRows => "response_rows_per_second",
            Self::ServerConnect => "server_connect",
            Self::LineClients => "line_clients",
            Self::TlsHandshakes => "tls_handshakes",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::UndeclaredDestination => "undeclared_destination",
        }
    }
}

impl Met {
    pub(crate) fn add(&mut self, limit: Limit) {
        let place = Limit::ALL.iter().position(|known| *known == limit);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count += 1;
        }
    }

    /// Every limit with its count: a rule of an alarm needs the zero too.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.iter().map(|limit| limit.name()).zip(self.0)
    }

    /// Those that were met.
    pub(crate) fn met(&self) -> BTreeMap<&'static str, u64> {
        self.all().filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_under_its_own_name_and_those_not_met_as_zero() {
        let mut met = Met::default();
        met.add(Limit::SlowFrame);
        met.add(Limit::SlowFrame);

        assert_eq!(met.met(), BTreeMap::from([("slow_frame", 2)]));
        assert_eq!(met.all().count(), Limit::ALL.len());
    }
}
