//! The kinds of event, and their stable names.

use core::fmt;
use core::str::FromStr;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)+) => {
        /// What happened, as `area.what_happened`.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$meta])* $variant,)+
        }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its place in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The stable name that stands in the journal.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl FromStr for Kind {
            type Err = UnknownKind;

            fn from_str(name: &str) -> Result<Self, UnknownKind> {
                match name { $($name => Ok(Self::$variant),)+ _ => Err(UnknownKind) }
            }
        }
    };
}

kinds! {
    /// A request the policy permits (one row with its reply, or written before it is forwarded).
    #[default]
    RequestPermitted = "request.permitted",
    /// A request the policy refused; it was not forwarded.
    RequestDenied = "request.denied",
    /// A request forwarded unchanged because the conduit only observes.
    RequestObserved = "request.observed",
    /// The end of a request whose first row was written before it was forwarded.
    RequestOutcome = "request.outcome",
    /// Many denied or malformed requests of one source, counted.
    RequestSummary = "request.summary",
    /// Session rows of one source beyond its budget, counted.
    SessionSummary = "session.summary",
    /// A reply nobody waits for: late, doubled or unasked.
    ResponseUnsolicited = "response.unsolicited",
    /// Replies of a server that were amiss, in one client's sessions beyond its budget of rows, counted.
    ResponseSummary = "response.summary",
    /// A client's session began.
    SessionOpened = "session.opened",
    /// A client's session ended; `reason` says how.
    SessionClosed = "session.closed",
    /// A connection refused before a session began (a budget).
    SessionRefused = "session.refused",
    /// Function code outside 1..=127.
    ModbusInvalidFunctionCode = "modbus.invalid_function_code",
    /// A length that does not fit the header or the function code.
    ModbusInvalidLength = "modbus.invalid_length",
    /// A quantity, byte count or value outside what the specification permits.
    ModbusInvalidValue = "modbus.invalid_value",
    /// A reply with an exception code the specification does not know.
    ModbusInvalidExceptionCode = "modbus.invalid_exception_code",
    /// A protocol id other than zero.
    ModbusInvalidProtocolId = "modbus.invalid_protocol_id",
    /// A reply whose values contradict its request.
    ModbusValueMismatch = "modbus.value_mismatch",
    /// A client over its budget of open requests.
    ModbusFlooded = "modbus.flooded",
    /// A device breaks a rule that the site file tolerates for it.
    ModbusTolerated = "modbus.tolerated",
    /// A new policy is in force.
    PolicyReloaded = "policy.reloaded",
    /// A new policy was refused; the last good one stays.
    PolicyRejected = "policy.rejected",
    /// The guard started.
    GuardStarted = "guard.started",
    /// There was no guard for a time, and a conduit that fails open let packets pass; `reason` says for how long.
    GuardAway = "guard.away",
    /// The guard stopped cleanly.
    GuardStopped = "guard.stopped",
    /// Signed digest of all rows before.
    JournalCheckpoint = "journal.checkpoint",
    /// First row of a segment, signed: names the last digest known durable.
    JournalSegmentOpened = "journal.segment_opened",
    /// A live segment was sealed; carries the sealed file's digest, signed.
    JournalSealed = "journal.sealed",
    /// Rows that could not be recorded, counted.
    JournalGap = "journal.gap",
    /// Torn bytes of an unclean stop were set aside.
    JournalRecovered = "journal.recovered",
    /// A segment was removed by retention; signed.
    JournalRetired = "journal.retired",
    /// A new signing key, signed by the last.
    JournalKeyChanged = "journal.key_changed",
    /// A line that sessions share is there; `reason` says which, and what it was before.
    LineOpened = "line.opened",
    /// A line that sessions share is gone, or cannot be had; `reason` says why.
    LineLost = "line.lost",
    /// The wall clock stepped.
    ClockStepped = "clock.stepped",
    /// Something disciplines the wall clock: at start, or from now on again.
    ClockSynchronised = "clock.synchronised",
    /// Nothing disciplines the wall clock: at start, or from now on.
    ClockUnsynchronised = "clock.unsynchronised",
    /// A panic or broken invariant ended a session.
    InternalError = "internal.error",
    /// A connection that did not become a session, for its handshake or its certificate.
    TlsRefused = "tls.refused",
    /// A server's connection that cannot be used, for its handshake or its certificate.
    TlsServerRefused = "tls.server_refused",
    /// A server showed a certificate that it had not shown before.
    TlsServerKnown = "tls.server_known",
    /// A certificate was taken, or kept, although something about it should be mended.
    TlsTolerated = "tls.tolerated",
    /// A conduit's certificate, roots or revocation lists were read, at start or anew.
    TlsReloaded = "tls.reloaded",
    /// One of the guard's own certificates, roots or revocation lists will soon not hold any more.
    TlsExpiring = "tls.expiring",
}

/// A name that no kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no event is called that")
    }
}

impl core::error::Error for UnknownKind {}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
