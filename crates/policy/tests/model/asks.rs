//! What clients ask: requests as bytes, and numbers for points, whose bytes only the map can tell.

use crate::number::registers;
use crate::tried::{TABLES, any_number};
use policy::document::Point;
use proptest::prelude::*;
use wire::build;

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Bytes(Vec<u8>),
    /// Write a number to a point.
    Number(usize, f64),
}

// === impl Ask ===

impl Ask {
    pub(crate) fn pdu(&self, points: &[Point]) -> Vec<u8> {
        match self {
            Self::Bytes(pdu) => pdu.clone(),
            Self::Number(point, value) => {
                let point = &points[*point];
                build::write_registers(point.address, &registers(point, *value))
            }
        }
    }
}

pub(crate) fn any_ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => any_pdu().prop_map(Ask::Bytes),
        1 => any_number().prop_map(|(point, value)| Ask::Number(point, value)),
    ]
}

fn any_pdu() -> impl Strategy<Value = Vec<u8>> {
    let registers = prop::collection::vec(0..6_u16, 1..5);
    let coils = prop::collection::vec(any::<bool>(), 1..4);
    let mask = prop::sample::select(vec![0_u16, 0xFFFE, 0xFFFF, 0x0003]);
    prop_oneof![
        (prop::sample::select(TABLES.to_vec()), 0..14_u16, 1..6_u16).prop_map(|(t, f, q)| build::read(t.into(), f, q)),
        (0..14_u16, 0..6_u16).prop_map(|(address, value)| build::write_single_register(address, value)),
        (0..14_u16, registers.clone()).prop_map(|(first, values)| build::write_registers(first, &values)),
        (0..4_u16, any::<bool>()).prop_map(|(address, on)| build::write_single_coil(address, on)),
        (0..4_u16, coils).prop_map(|(first, coils)| build::write_coils(first, &coils)),
        (0..14_u16, mask, 0..4_u16).prop_map(|(address, and, or)| build::mask_write_register(address, and, or)),
        (0..9_u16, 0..9_u16, registers).prop_map(|(r, w, values)| build::read_write_registers(r, 2, w, &values)),
        prop::sample::select(plain()),
    ]
}

/// Requests that name no address of the four tables.
fn plain() -> Vec<Vec<u8>> {
    vec![
        vec![17],
        vec![24, 0, 3],
        vec![90, 0, 4],
        vec![90, 0, 0x41],
        vec![7],
        vec![43, 14, 1, 0],
        vec![20, 7, 6, 0, 4, 0, 1, 0, 2],
        vec![0x41, 1],
        build::diagnostics(1, 0),
        build::diagnostics(4, 0),
    ]
}
