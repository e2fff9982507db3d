//! Values as they lie in a PDU: packed bits and big-endian registers, read in place.

/// Packed bits, the first in the lowest bit of the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    quantity: u16,
}

/// Registers, two bytes each, high byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers<'a> {
    pairs: &'a [[u8; 2]],
}

/// The values of a request or reply, one by one; bits as 0 and 1.
#[derive(Clone, Debug)]
pub struct Values<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Few { next: Option<u16>, then: Option<u16> },
    Bits { bits: Bits<'a>, position: u16 },
    Registers(core::slice::Iter<'a, [u8; 2]>),
}

// === impl Bits ===

impl<'a> Bits<'a> {
    /// `None` unless the bytes are exactly those that `quantity` bits need.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], quantity: u16) -> Option<Self> {
        (bytes.len() == bytes_of_bits(quantity)).then_some(Self { bytes, quantity })
    }

    /// How many bits.
    #[inline]
    #[must_use]
    pub const fn quantity(self) -> u16 {
        self.quantity
    }

    /// The bit at a position, counted from 0.
    #[inline]
    #[must_use]
    pub fn at(self, position: u16) -> Option<bool> {
        if position >= self.quantity {
            return None;
        }
        let byte = self.bytes.get(usize::from(position / 8))?;
        Some(byte >> (position % 8) & 1 == 1)
    }

    /// Each bit as 0 or 1.
    #[inline]
    #[must_use]
    pub const fn values(self) -> Values<'a> {
        Values(Source::Bits { bits: self, position: 0 })
    }
}

// === impl Registers ===

impl<'a> Registers<'a> {
    /// `None` when the last register is only half there.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.as_chunks() {
            (pairs, []) => Some(Self { pairs }),
            _ => None,
        }
    }

    /// How many registers.
    #[inline]
    #[must_use]
    pub const fn len(self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.pairs.is_empty()
    }

    /// The register at a position, counted from 0.
    #[inline]
    #[must_use]
    pub fn at(self, position: usize) -> Option<u16> {
        self.pairs.get(position).map(|pair| u16::from_be_bytes(*pair))
    }

    /// Each register.
    #[inline]
    #[must_use]
    pub fn values(self) -> Values<'a> {
        Values(Source::Registers(self.pairs.iter()))
    }
}

// === impl Values ===

impl Values<'_> {
    pub(crate) const NONE: Self = Self(Source::Few { next: None, then: None });

    pub(crate) const fn one(value: u16) -> Self {
        Self(Source::Few { next: Some(value), then: None })
    }

    pub(crate) const fn two(first: u16, second: u16) -> Self {
        Self(Source::Few { next: Some(first), then: Some(second) })
    }
}

impl Iterator for Values<'_> {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        match &mut self.0 {
            Source::Few { next, then } => core::mem::replace(next, then.take()),
            Source::Bits { bits, position } => {
                let bit = bits.at(*position)?;
                *position = position.saturating_add(1);
                Some(u16::from(bit))
            }
            Source::Registers(pairs) => pairs.next().map(|pair| u16::from_be_bytes(*pair)),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Source::Few { next, then } => usize::from(next.is_some()) + usize::from(then.is_some()),
            Source::Bits { bits, position } => usize::from(bits.quantity.saturating_sub(*position)),
            Source::Registers(pairs) => pairs.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Values<'_> {}

/// Bytes that packed bits take.
#[inline]
pub(crate) fn bytes_of_bits(quantity: u16) -> usize {
    usize::from(quantity).div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_wrong_number_of_bytes_are_refused() {
        assert_eq!(Bits::new(&[0xFF], 9), None);
        assert_eq!(Bits::new(&[0xFF, 0x01], 8), None);
    }

    #[test]
    fn half_a_register_is_refused() {
        assert_eq!(Registers::new(&[0x12, 0x34, 0x56]), None);
    }

    #[test]
    fn the_first_bit_is_the_lowest_of_the_first_byte() {
        let bits = Bits::new(&[0xCD, 0x01], 10).unwrap();

        assert_eq!(bits.values().collect::<Vec<_>>(), [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]);
        assert_eq!(bits.at(10), None);
    }

    #[test]
    fn values_say_how_many_are_left() {
        let mut values = Registers::new(&[0x00, 0x0A, 0x01, 0x02]).unwrap().values();
        assert_eq!(values.len(), 2);
        values.next();

        assert_eq!((values.len(), values.next(), values.next()), (1, Some(0x0102), None));
    }

    #[test]
    fn a_pair_of_values_comes_in_order() {
        assert_eq!(Values::two(0xF2, 0x25).collect::<Vec<_>>(), [0xF2, 0x25]);
        assert_eq!(Values::NONE.count(), 0);
    }
}
