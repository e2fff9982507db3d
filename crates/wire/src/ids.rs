//! Numbers of the protocol, each a type of its own, so that none is taken for another.

/// The unit a request is for: behind a gateway, the serial address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub u8);

/// Pairs a reply with its request within one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u16);

/// What a request asks for: 1 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionCode(u8);

/// Why a server did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionCode(pub u8);

// === impl FunctionCode ===

impl FunctionCode {
    /// `None` for 0, which is not valid, and from 128 up, which are exceptions (V1.1b3 §4.1).
    #[inline]
    #[must_use]
    pub const fn new(code: u8) -> Option<Self> {
        if matches!(code, 1..=127) { Some(Self(code)) } else { None }
    }

    /// For codes known to be in range when this crate is built.
    pub(crate) const fn known(code: u8) -> Self {
        assert!(matches!(code, 1..=127), "function codes are 1 to 127");
        Self(code)
    }

    /// The code as a number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

// === impl ExceptionCode ===

impl ExceptionCode {
    /// 0x01.
    pub const ILLEGAL_FUNCTION: Self = Self(0x01);
    /// 0x02.
    pub const ILLEGAL_DATA_ADDRESS: Self = Self(0x02);
    /// 0x03: a fault in the request's structure, not a value the process should not have.
    pub const ILLEGAL_DATA_VALUE: Self = Self(0x03);
    /// 0x04.
    pub const SERVER_DEVICE_FAILURE: Self = Self(0x04);
    /// 0x05.
    pub const ACKNOWLEDGE: Self = Self(0x05);
    /// 0x06.
    pub const SERVER_DEVICE_BUSY: Self = Self(0x06);
    /// 0x08.
    pub const MEMORY_PARITY_ERROR: Self = Self(0x08);
    /// 0x0A.
    pub const GATEWAY_PATH_UNAVAILABLE: Self = Self(0x0A);
    /// 0x0B.
    pub const GATEWAY_TARGET_FAILED: Self = Self(0x0B);

    /// Whether V1.1b3 §7 lists it. 07 (NAK) stands in an older guide only.
    #[inline]
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0x01..=0x06 | 0x08 | 0x0A | 0x0B)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_exceptions_are_no_function_codes() {
        assert_eq!(FunctionCode::new(0), None);
        assert_eq!(FunctionCode::new(128), None);
        assert_eq!(FunctionCode::new(127).map(FunctionCode::get), Some(127));
    }

    #[test]
    fn only_the_nine_listed_exceptions_are_known() {
        let known: Vec<u8> = (0..=255).filter(|code| ExceptionCode(*code).is_known()).collect();

        assert_eq!(known, [1, 2, 3, 4, 5, 6, 8, 0x0A, 0x0B]);
    }
}
