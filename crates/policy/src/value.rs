//! Typed values: registers to numbers in engineering units, and numbers to text.

use crate::document::{Order, Point, PointType};
use std::fmt;

/// Most registers a point has.
pub(crate) const WIDTH_MAX: usize = 4;

/// How the registers of one point become a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Codec {
    point_type: PointType,
    word_order: Order,
    byte_order: Order,
    scale: f64,
    offset: f64,
}

/// A number as reasons show it: seven significant digits, whole numbers in full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity(pub f64);

impl PointType {
    /// Registers, or bits, that hold one value.
    #[must_use]
    pub const fn width(self) -> u16 {
        match self {
            Self::Bit | Self::Int16 | Self::Uint16 => 1,
            Self::Int32 | Self::Uint32 | Self::Float32 => 2,
            Self::Int64 | Self::Uint64 | Self::Float64 => 4,
        }
    }
}

// === impl Codec ===

impl Codec {
    pub(crate) fn of(point: &Point) -> Self {
        Self {
            point_type: point.point_type,
            word_order: point.word_order,
            byte_order: point.byte_order,
            scale: point.scale,
            offset: point.offset,
        }
    }

    /// The number in engineering units; infinite or NaN where the registers hold no number.
    pub(crate) fn decode(&self, registers: &[u16]) -> f64 {
        self.raw(registers) * self.scale + self.offset
    }

    /// How far a number may be off by its own encoding alone: a limit of 21.7 admits the float32 nearest to it.
    pub(crate) fn noise(&self, value: f64) -> f64 {
        let precision = if self.point_type == PointType::Float32 { f64::from(f32::EPSILON) } else { 1e-12 };
        precision * (value.abs() + 2.0 * self.offset.abs())
    }

    #[expect(clippy::cast_precision_loss, reason = "64-bit integers beyond 2^53 are compared as float64")]
    fn raw(&self, registers: &[u16]) -> f64 {
        let bits = self.bits(registers);
        let [b0, b1, b2, b3, b4, b5, b6, b7] = bits.to_be_bytes();
        match self.point_type {
            PointType::Bit => f64::from(b7 & 1),
            PointType::Int16 => f64::from(i16::from_be_bytes([b6, b7])),
            PointType::Uint16 => f64::from(u16::from_be_bytes([b6, b7])),
            PointType::Int32 => f64::from(i32::from_be_bytes([b4, b5, b6, b7])),
            PointType::Uint32 => f64::from(u32::from_be_bytes([b4, b5, b6, b7])),
            PointType::Int64 => i64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]) as f64,
            PointType::Uint64 => bits as f64,
            PointType::Float32 => f64::from(f32::from_be_bytes([b4, b5, b6, b7])),
            PointType::Float64 => f64::from_bits(bits),
        }
    }

    /// The registers in order of significance, as one number.
    fn bits(&self, registers: &[u16]) -> u64 {
        let width = usize::from(self.point_type.width());
        let in_order = |index: usize| match self.word_order {
            Order::Big => index,
            Order::Little => width - 1 - index,
        };
        let register = |index: usize| registers.get(in_order(index)).copied().unwrap_or_default();
        (0..width).fold(0, |bits, index| bits << 16 | u64::from(self.bytes_in_order(register(index))))
    }

    fn bytes_in_order(&self, register: u16) -> u16 {
        match self.byte_order {
            Order::Big => register,
            Order::Little => register.swap_bytes(),
        }
    }
}

// === impl Quantity ===

impl Quantity {
    /// Without the dust of its encoding.
    pub(crate) fn rounded(self) -> f64 {
        let Self(value) = self;
        if value == value.trunc() && value.abs() < 1e15 || !value.is_finite() {
            return value;
        }
        // Through text and back, so that the shortest form of the rounded number is printed.
        format!("{value:.6e}").parse().unwrap_or(value)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rounded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(point_type: PointType, word_order: Order, byte_order: Order) -> Codec {
        Codec { point_type, word_order, byte_order, scale: 1.0, offset: 0.0 }
    }

    #[test]
    fn not_a_number_decodes_to_nothing_finite() {
        let float32 = codec(PointType::Float32, Order::Big, Order::Big);
        let float64 = codec(PointType::Float64, Order::Big, Order::Big);

        assert!(float32.decode(&[0x7FC0, 0]).is_nan());
        assert!(float32.decode(&[0x7F80, 0]).is_infinite());
        assert!(float64.decode(&[0xFFF0, 0, 0, 0]).is_infinite());
        assert!(!Codec { scale: 1e300, ..float64 }.decode(&[0x7FE0, 0, 0, 0]).is_finite());
    }

    #[test]
    fn every_type_decodes_in_all_four_orders() {
        let orders = [
            (Order::Big, Order::Big),
            (Order::Big, Order::Little),
            (Order::Little, Order::Big),
            (Order::Little, Order::Little),
        ];
        let vectors: [(PointType, u64, f64); 8] = [
            (PointType::Int16, 0xFFFE, -2.0),
            (PointType::Uint16, 0xFFFE, 65534.0),
            (PointType::Int32, 0xFFFF_FFFE, -2.0),
            (PointType::Uint32, 0x0102_0304, 16_909_060.0),
            (PointType::Int64, 0xFFFF_FFFF_FFFF_FFFE, -2.0),
            (PointType::Uint64, 0x0102_0304_0506, 1_108_152_157_446.0),
            (PointType::Float32, 0x41AC_0000, 21.5),
            (PointType::Float64, 0x4035_8000_0000_0000, 21.5),
        ];
        for (point_type, bits, expected) in vectors {
            for (word_order, byte_order) in orders {
                let registers = registers_of(bits, point_type.width(), word_order, byte_order);

                let actual = codec(point_type, word_order, byte_order).decode(&registers);

                assert_eq!(actual, expected, "{point_type:?} {word_order:?} {byte_order:?}");
            }
        }
    }

    fn registers_of(bits: u64, width: u16, word_order: Order, byte_order: Order) -> Vec<u16> {
        let shifts = (0..width).rev().map(|word| u16::try_from(bits >> (16 * word) & 0xFFFF).unwrap());
        let swap = |word: u16| if byte_order == Order::Little { word.swap_bytes() } else { word };
        let mut words: Vec<u16> = shifts.map(swap).collect();
        if word_order == Order::Little {
            words.reverse();
        }
        words
    }

    #[test]
    fn scale_comes_before_offset() {
        let codec = Codec { scale: 0.1, offset: -40.0, ..codec(PointType::Int16, Order::Big, Order::Big) };

        assert_eq!(codec.decode(&[615]), 21.5);
    }

    #[test]
    fn a_quantity_reads_without_the_dust_of_its_encoding() {
        assert_eq!(Quantity(f64::from(21.2_f32)).to_string(), "21.2");
        assert_eq!(Quantity(25.0).to_string(), "25");
        assert_eq!(Quantity(16_777_217.0).to_string(), "16777217");
        assert_eq!(Quantity(-0.05).to_string(), "-0.05");
    }
}
