//! Points of a document, and the limits of what may be written to them.

use serde::Deserialize;

/// A named list of points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointMap {
    /// Its name in the site file.
    pub name: String,
    /// The points of the map.
    pub points: Vec<Point>,
}

/// The four tables of the data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl From<Table> for wire::Table {
    fn from(table: Table) -> Self {
        match table {
            Table::Coil => Self::Coil,
            Table::DiscreteInput => Self::DiscreteInput,
            Table::InputRegister => Self::InputRegister,
            Table::HoldingRegister => Self::HoldingRegister,
        }
    }
}

/// How a point's registers become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointType {
    /// One coil or discrete input.
    Bit,
    /// One register, two's complement.
    Int16,
    /// One register.
    Uint16,
    /// Two registers, two's complement.
    Int32,
    /// Two registers.
    Uint32,
    /// Four registers, two's complement.
    Int64,
    /// Four registers.
    Uint64,
    /// Two registers, IEEE 754.
    Float32,
    /// Four registers, IEEE 754.
    Float64,
}

/// Big or little end first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Most significant first.
    #[default]
    Big,
    /// Least significant first.
    Little,
}

/// A named, typed value of a server. `value = raw * scale + offset`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its name within the map.
    pub name: String,
    /// Table it lives in.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// Its type; says how many registers.
    #[serde(rename = "type")]
    pub point_type: PointType,
    /// Order of registers.
    #[serde(default)]
    pub word_order: Order,
    /// Order of bytes within a register.
    #[serde(default)]
    pub byte_order: Order,
    /// Multiplier.
    #[serde(default = "one")]
    pub scale: f64,
    /// Added after scaling.
    #[serde(default)]
    pub offset: f64,
    /// Other first addresses that show the same value. A request that writes a limited point at two of
    /// its addresses must give it one whole value there, or is refused as a `contradiction`.
    #[serde(default)]
    pub aliases: Vec<(Table, u16)>,
    /// Whether a write may cover only part of it.
    #[serde(default)]
    pub partial: bool,
    /// Limits on writes; `None`: the value is not guarded.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Text for reasons and explanations.
    #[serde(default)]
    pub engineering_unit: Option<String>,
}

/// Limits on writes to a point, in engineering units. In a rule, each key given replaces the point's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Smallest and largest value, inclusive.
    #[serde(default)]
    pub range: Option<(f64, f64)>,
    /// The only values.
    #[serde(default)]
    pub allowed: Option<Vec<f64>>,
    /// Largest difference from the last known value.
    #[serde(default)]
    pub max_step: Option<f64>,
    /// Largest difference from any value known within a window.
    #[serde(default)]
    pub max_change: Option<MaxChange>,
    /// Most forwarded writes in any 60 s, all clients together.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Age after which a known value counts as unknown for `max_step`. Milliseconds.
    #[serde(default)]
    pub max_age_ms: Option<u64>,
}

/// A bound on how far a value may move within a time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxChange {
    /// Largest difference, engineering units.
    pub by: f64,
    /// The window. Milliseconds.
    pub in_ms: u64,
}

fn one() -> f64 {
    1.0
}
