//! The words for Modbus that misbehaves: Suricata's eight, so that one alert means one thing everywhere.

/// What is wrong with what a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// A reply that nothing asked for.
    UnsolicitedResponse,
    /// A function code that is not valid, or not the one asked for.
    InvalidFunctionCode,
    /// A length that does not fit what was said.
    InvalidLength,
    /// A field outside what the standard allows.
    InvalidValue,
    /// An exception code the standard does not list.
    InvalidExceptionCode,
    /// A protocol id other than 0.
    InvalidProtocolId,
    /// A reply that says something else than its request.
    ValueMismatch,
    /// More requests than one peer may have open.
    Flooded,
}

// === impl Anomaly ===

impl Anomaly {
    /// Its word in records and alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnsolicitedResponse => "unsolicited_response",
            Self::InvalidFunctionCode => "invalid_function_code",
            Self::InvalidLength => "invalid_length",
            Self::InvalidValue => "invalid_value",
            Self::InvalidExceptionCode => "invalid_exception_code",
            Self::InvalidProtocolId => "invalid_protocol_id",
            Self::ValueMismatch => "value_mismatch",
            Self::Flooded => "flooded",
        }
    }
}
