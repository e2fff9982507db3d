//! Numbers of points, byte by byte: every type in every order.

use policy::document::{Order, Point, PointType};

/// What the registers say, in engineering units.
pub(crate) fn number(point: &Point, registers: &[u16]) -> f64 {
    let bytes: Vec<u8> = in_order(point, registers).iter().flat_map(|register| register.to_be_bytes()).collect();
    raw(point.point_type, &bytes) * point.scale + point.offset
}

/// The registers that say it; the nearest a whole number comes to it where the type has no others.
pub(crate) fn registers(point: &Point, value: f64) -> Vec<u16> {
    let raw = (value - point.offset) / point.scale;
    let bytes = bytes(point.point_type, raw);
    let words: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    in_order(point, &words)
}

/// How far its encoding alone may put a number off.
pub(crate) fn noise(point: &Point, value: f64) -> f64 {
    let step = if point.point_type == PointType::Float32 { f64::from(f32::EPSILON) } else { 1e-12 };
    step * (value.abs() + 2.0 * point.offset.abs())
}

fn in_order(point: &Point, registers: &[u16]) -> Vec<u16> {
    let swap = |register: &u16| if point.byte_order == Order::Little { register.swap_bytes() } else { *register };
    let mut words: Vec<u16> = registers.iter().map(swap).collect();
    if point.word_order == Order::Little {
        words.reverse();
    }
    words
}

#[expect(clippy::cast_precision_loss, reason = "64-bit integers are compared as float64")]
fn raw(point_type: PointType, bytes: &[u8]) -> f64 {
    match point_type {
        PointType::Bit => f64::from(bytes[1] & 1),
        PointType::Int16 => i16::from_be_bytes(bytes.try_into().unwrap()).into(),
        PointType::Uint16 => u16::from_be_bytes(bytes.try_into().unwrap()).into(),
        PointType::Int32 => i32::from_be_bytes(bytes.try_into().unwrap()).into(),
        PointType::Uint32 => u32::from_be_bytes(bytes.try_into().unwrap()).into(),
        PointType::Float32 => f32::from_be_bytes(bytes.try_into().unwrap()).into(),
        PointType::Int64 => i64::from_be_bytes(bytes.try_into().unwrap()) as f64,
        PointType::Uint64 => u64::from_be_bytes(bytes.try_into().unwrap()) as f64,
        PointType::Float64 => f64::from_be_bytes(bytes.try_into().unwrap()),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a type holds what it can")]
fn bytes(point_type: PointType, raw: f64) -> Vec<u8> {
    match point_type {
        PointType::Bit => vec![0, u8::from(raw != 0.0)],
        PointType::Int16 => (raw as i16).to_be_bytes().to_vec(),
        PointType::Uint16 => (raw as u16).to_be_bytes().to_vec(),
        PointType::Int32 => (raw as i32).to_be_bytes().to_vec(),
        PointType::Uint32 => (raw as u32).to_be_bytes().to_vec(),
        PointType::Float32 => (raw as f32).to_be_bytes().to_vec(),
        PointType::Int64 => (raw as i64).to_be_bytes().to_vec(),
        PointType::Uint64 => (raw as u64).to_be_bytes().to_vec(),
        PointType::Float64 => raw.to_be_bytes().to_vec(),
    }
}
