//! Fields of a PDU, taken one after the other from its front.

/// The PDU ends before the field does, or goes on after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongLength;

/// What is left of a PDU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

// === impl Fields ===

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline]
    pub(crate) fn take_u8(&mut self) -> Result<u8, WrongLength> {
        self.take_array().map(|[byte]: [u8; 1]| byte)
    }

    #[inline]
    pub(crate) fn take_u16(&mut self) -> Result<u16, WrongLength> {
        self.take_array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn take_bytes(&mut self, length: usize) -> Result<&'a [u8], WrongLength> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WrongLength)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) const fn end(self) -> Result<(), WrongLength> {
        if self.0.is_empty() { Ok(()) } else { Err(WrongLength) }
    }

    /// All that is left.
    #[inline]
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], WrongLength> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WrongLength)?;
        self.0 = rest;
        Ok(*taken)
    }
}
