//! Addresses: a range of one of the four tables.

use core::fmt;
use core::str::FromStr;

/// The four tables of the data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Read-write bits.
    Coil,
    /// Read-only bits.
    DiscreteInput,
    /// Read-only registers.
    InputRegister,
    /// Read-write registers.
    HoldingRegister,
}

/// No table has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTable;

/// Addresses that follow each other, at least one, none beyond 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: u16,
    quantity: u16,
}

/// A range of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The table.
    pub table: Table,
    /// The addresses in it.
    pub range: AddressRange,
}

// === impl Table ===

impl Table {
    /// Every table.
    pub const ALL: [Self; 4] = [Self::Coil, Self::DiscreteInput, Self::InputRegister, Self::HoldingRegister];

    /// Its word in site files and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::DiscreteInput => "discrete_input",
            Self::InputRegister => "input_register",
            Self::HoldingRegister => "holding_register",
        }
    }

    /// Whether its items are single bits.
    #[inline]
    #[must_use]
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::DiscreteInput)
    }
}

impl FromStr for Table {
    type Err = UnknownTable;

    fn from_str(word: &str) -> Result<Self, UnknownTable> {
        Self::ALL.into_iter().find(|table| table.name() == word).ok_or(UnknownTable)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for UnknownTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no table has that name")
    }
}

impl core::error::Error for UnknownTable {}

// === impl AddressRange ===

impl AddressRange {
    /// `None` when it is empty or would end beyond 65535.
    #[inline]
    #[must_use]
    pub const fn new(first: u16, quantity: u16) -> Option<Self> {
        match quantity.checked_sub(1) {
            Some(more) if first.checked_add(more).is_some() => Some(Self { first, quantity }),
            _ => None,
        }
    }

    /// One address.
    #[inline]
    #[must_use]
    pub const fn one(address: u16) -> Self {
        Self { first: address, quantity: 1 }
    }

    /// The first address.
    #[inline]
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last address, itself part of the range.
    #[inline]
    #[must_use]
    pub const fn last(self) -> u16 {
        // `new` proved that the sum fits.
        self.first.saturating_add(self.quantity.saturating_sub(1))
    }

    /// How many addresses.
    #[inline]
    #[must_use]
    pub const fn quantity(self) -> u16 {
        self.quantity
    }

    /// Whether some address is in both.
    #[inline]
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// Whether all of `other` is in it.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }
}

// === impl Span ===

impl Span {
    /// A range of a table.
    #[inline]
    #[must_use]
    pub const fn new(table: Table, range: AddressRange) -> Self {
        Self { table, range }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, quantity: u16) -> AddressRange {
        AddressRange::new(first, quantity).unwrap()
    }

    #[test]
    fn a_range_is_never_empty_and_never_beyond_the_last_address() {
        assert_eq!(AddressRange::new(7, 0), None);
        assert_eq!(AddressRange::new(65535, 2), None);
        assert_eq!(AddressRange::new(1, 65535).map(AddressRange::last), Some(65535));
    }

    #[test]
    fn ranges_that_only_touch_do_not_overlap() {
        assert!(!range(0, 10).overlaps(range(10, 1)));
        assert!(range(0, 10).overlaps(range(9, 1)));
    }

    #[test]
    fn a_range_contains_itself_and_nothing_wider() {
        assert!(!range(5, 2).contains(range(5, 3)));
        assert!(!range(5, 2).contains(range(4, 2)));
        assert!(range(5, 2).contains(range(5, 2)));
    }

    #[test]
    fn a_table_is_read_back_from_its_name() {
        assert_eq!("4xxxx".parse::<Table>(), Err(UnknownTable));
        for table in Table::ALL {
            assert_eq!(table.name().parse(), Ok(table));
        }
    }
}
