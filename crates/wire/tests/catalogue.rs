//! The catalogue of function codes that Python reads, held against this crate: sets, limits, access.

use std::collections::{BTreeMap, BTreeSet};
use wire::{FunctionCode, FunctionSelector, FunctionSet, Request, RequestError, Table, build, parse_request};

const CATALOGUE: &str = include_str!("../../../src/modwarden/model/modbus_fc.csv");

type Row = BTreeMap<&'static str, &'static str>;

fn rows() -> Vec<Row> {
    let mut lines = CATALOGUE.lines();
    let names: Vec<_> = lines.next().into_iter().flat_map(|line| line.split(',')).collect();
    lines.map(|line| names.iter().copied().zip(line.split(',')).collect()).collect()
}

fn number(row: &Row, column: &str) -> Option<u16> {
    row.get(column)?.parse().ok()
}

fn code(row: &Row) -> Option<u8> {
    number(row, "fc_dec")?.try_into().ok()
}

/// A request of this row's function, as small as it can be.
fn smallest(code: u8, sub_function: Option<u16>) -> Vec<u8> {
    let [sub_high, sub_low] = sub_function.unwrap_or(0x00FF).to_be_bytes();
    match code {
        1 => build::read(Table::Coil, 0, 1),
        2 => build::read(Table::DiscreteInput, 0, 1),
        3 => build::read(Table::HoldingRegister, 0, 1),
        4 => build::read(Table::InputRegister, 0, 1),
        5 => build::write_single_coil(0, false),
        6 => build::write_single_register(0, 0),
        8 => vec![8, sub_high, sub_low, 0, 0],
        15 => build::write_coils(0, &[false]),
        16 => build::write_registers(0, &[0]),
        20 => vec![20, 7, 6, 0, 1, 0, 0, 0, 1],
        21 => vec![21, 9, 6, 0, 1, 0, 0, 0, 1, 0, 0],
        22 => build::mask_write_register(0, 0, 0),
        23 => build::read_write_registers(0, 1, 0, &[0]),
        24 => build::read_fifo_queue(0),
        43 if sub_function == Some(14) => build::read_device_identification(1, 0),
        43 => vec![43, sub_low],
        90 => build::umas(0, sub_low, &[]),
        code => vec![code],
    }
}

fn with<T>(row: &Row, ask: impl Fn(&Request<'_>) -> T) -> Option<T> {
    let pdu = smallest(code(row)?, number(row, "sub"));
    parse_request(&pdu, false).ok().as_ref().map(ask)
}

#[test]
fn every_code_stands_in_the_catalogue_once() {
    let all: Vec<_> = rows().iter().map(|row| (code(row).unwrap(), number(row, "sub"))).collect();
    let once: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(all.len(), once.len());

    let codes: BTreeSet<_> = once.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, (1..=127).collect());
    for code in [8, 43, 90] {
        assert!(once.contains(&(code, None)), "{code}: a row for all its other sub-functions");
    }
}

#[test]
fn every_row_has_all_columns_and_its_code_in_hex() {
    for row in rows() {
        assert_eq!(row.len(), 13, "{row:?}");
        assert_eq!(row["fc_hex"], format!("{:02X}", code(&row).unwrap()));
    }
}

#[test]
fn every_request_is_in_the_sets_of_its_row() {
    for row in rows() {
        let sets = with(&row, |request| request.functions().map(FunctionSet::name).collect::<Vec<_>>().join("+"));
        assert_eq!(sets.as_deref(), Some(row["set"]), "{row:?}");
    }
}

#[test]
fn every_sub_function_without_a_row_is_in_the_set_of_the_others() {
    let rows = rows();
    for (code, most) in [(8, 0xFFFF), (43, 0xFF), (90, 0xFF)] {
        let of_code: Vec<_> = rows.iter().filter(|row| row["fc_dec"] == code.to_string()).collect();
        let named: BTreeSet<_> = of_code.iter().filter_map(|row| number(row, "sub")).collect();
        let others = of_code.iter().find(|row| row["sub"].is_empty()).unwrap()["set"];
        for sub in (0..=most).filter(|sub| !named.contains(sub)) {
            let pdu = smallest(code, Some(sub));
            let set = parse_request(&pdu, false).unwrap().functions().next().unwrap();
            assert_eq!(set.name(), others, "{code}/{sub}");
        }
    }
}

#[test]
fn every_set_has_a_row_and_a_selector() {
    let text: String = rows().iter().map(|row| format!("+{}+", row["set"])).collect();
    for set in FunctionSet::ALL {
        assert!(text.contains(&format!("+{}+", set.name())), "{}", set.name());
        assert!(FunctionSelector::parse(set.name()).is_ok(), "{}", set.name());
    }
}

#[test]
fn a_selector_of_a_rows_code_covers_its_request() {
    for row in rows() {
        let word = match number(&row, "sub") {
            Some(sub) => format!("{}/{sub}", row["fc_dec"]),
            None => row["fc_dec"].to_owned(),
        };
        let selector = FunctionSelector::parse(&word).unwrap();
        assert_eq!(with(&row, |request| request.parts().all(|part| selector.covers(&part))), Some(true), "{word}");
    }
}

#[test]
fn every_request_could_change_state_unless_its_access_is_public_reading() {
    for row in rows() {
        let is_harmless = row["class"] == "public" && matches!(row["access"], "read" | "diag");
        assert_eq!(with(&row, |request| request.can_change_state()), Some(!is_harmless), "{row:?}");
    }
}

#[test]
fn access_agrees_with_the_tables_a_request_touches() {
    for row in rows().iter().filter(|row| row["class"] == "public") {
        let touched = with(row, |request| (request.reads().is_some(), request.writes().is_some())).unwrap();
        let told = match (row["access"], code(row).unwrap()) {
            // Files and device objects are in no table.
            (_, 20 | 21 | 43) => (false, false),
            ("read", _) => (true, false),
            ("write", _) => (false, true),
            ("readwrite", _) => (true, true),
            _ => (false, false),
        };
        assert_eq!(touched, told, "{row:?}");
    }
}

#[test]
fn quantities_are_bounded_as_the_catalogue_says() {
    let of_code = |wanted: u8| rows().into_iter().find(|row| code(row) == Some(wanted)).unwrap();
    let most = |code: u8| number(&of_code(code), "qty_max").unwrap();
    let tables = [Table::Coil, Table::DiscreteInput, Table::HoldingRegister, Table::InputRegister];
    for (code, table) in (1..).zip(tables) {
        assert_bounds(most(code), |quantity| build::read(table, 0, quantity));
    }
    assert_bounds(most(15), |quantity| build::write_coils(0, &vec![false; quantity.into()]));
    assert_bounds(most(16), |quantity| build::write_registers(0, &vec![0; quantity.into()]));
    let exchange = of_code(23)["qty_max"];
    let (read, write) = exchange.split_once('/').unwrap();
    assert_bounds(read.parse().unwrap(), |quantity| build::read_write_registers(0, quantity, 0, &[0]));
    assert_bounds(write.parse().unwrap(), |quantity| build::read_write_registers(0, 1, 0, &vec![0; quantity.into()]));
}

fn assert_bounds(most: u16, request: impl Fn(u16) -> Vec<u8>) {
    for over in [0, most + 1] {
        assert_eq!(parse_request(&request(over), false), Err(RequestError::Quantity(over)));
    }
    for within in [1, most] {
        let pdu = request(within);
        assert!(parse_request(&pdu, false).is_ok(), "{within}");
        assert!(pdu.len() <= 253, "{within}");
    }
}

#[test]
fn fixed_request_lengths_are_those_of_the_catalogue() {
    let fixed: Vec<_> = rows().into_iter().filter(|row| number(row, "req_pdu_len").is_some()).collect();
    assert!(fixed.len() > 20);
    for row in fixed {
        let pdu = smallest(code(&row).unwrap(), number(&row, "sub"));
        assert_eq!(Some(pdu.len()), number(&row, "req_pdu_len").map(usize::from), "{row:?}");
    }
}

#[test]
fn every_function_code_is_made_from_the_numbers_1_to_127() {
    let made: Vec<u8> = (0..=255).filter(|number| FunctionCode::new(*number).is_some()).collect();
    assert_eq!(made, (1..=127).collect::<Vec<u8>>());
}
