//! Roles of certificates: what is none, one, or refused; and that no bytes break the parser.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod invariants;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use role::{RoleError, role_of};

/// 1.3.6.1.4.1.50316.802.1
const ROLE: [u8; 13] = [0x06, 0x0B, 0x2B, 6, 1, 4, 1, 0x83, 0x89, 0x0C, 0x86, 0x22, 1];

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u16::try_from(contents.len()).unwrap().to_be_bytes() {
        [0, short @ 0..=0x7F] => bytes.push(short),
        [0, one] => bytes.extend([0x81, one]),
        two => bytes.extend([&[0x82][..], &two].concat()),
    }
    bytes.extend(contents);
    bytes
}

fn extension(value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&ROLE[..], &tlv(0x04, value)].concat())
}

/// As much of a certificate as the role needs: a serial number, then extensions.
fn certificate(extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = tlv(0xA3, &tlv(0x30, &extensions.concat()));
    tlv(0x30, &[tlv(0x30, &[tlv(0x02, &[7]), extensions].concat()), tlv(0x03, &[0, 1])].concat())
}

fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0C, text.as_bytes())
}

#[test]
fn two_roles_are_refused_even_if_they_are_the_same() {
    let twice = certificate(&[extension(&utf8("Operator")), extension(&utf8("Operator"))]);

    assert_eq!(role_of(&twice), Err(RoleError::Two));
}

#[test]
fn only_one_whole_utf8_string_is_a_role() {
    // PrintableString, IA5String, OCTET STRING, an empty string, bytes behind it, one cut short, no UTF-8, two strings.
    let values = [
        tlv(0x13, b"Operator"),
        tlv(0x16, b"Operator"),
        tlv(0x04, b"Operator"),
        utf8(""),
        [utf8("Operator"), vec![0]].concat(),
        utf8("Operator")[..9].to_vec(),
        tlv(0x0C, &[0xFF, 0xFE]),
        tlv(0x30, &[utf8("Operator"), utf8("Engineer")].concat()),
        b"Operator".to_vec(),
        Vec::new(),
    ];
    for value in values {
        assert_eq!(role_of(&certificate(&[extension(&value)])), Err(RoleError::IllFormed), "{value:02x?}");
    }
}

#[test]
fn a_certificate_without_the_extension_has_no_role() {
    // basicConstraints, critical.
    let other = tlv(0x30, &[&[0x06, 3, 0x55, 0x1D, 0x13, 1, 1, 0xFF][..], &tlv(0x04, &[0x30, 0])].concat());

    assert_eq!(role_of(&certificate(&[other])), Ok(None));
    assert_eq!(role_of(&certificate(&[])), Ok(None));
}

#[test]
fn a_role_of_any_length_is_the_whole_string() {
    for length in [1, 8, 127, 128, 255, 256, 300, 4_000] {
        let role = "R".repeat(length);
        assert_eq!(role_of(&certificate(&[extension(&utf8(&role))])), Ok(Some(&*role)));
    }
    // A critical extension has a boolean before its value. Nothing is trimmed.
    let critical = tlv(0x30, &[&ROLE[..], &[1, 1, 0xFF], &tlv(0x04, &utf8(" Größe\n"))].concat());
    assert_eq!(role_of(&certificate(&[critical])), Ok(Some(" Größe\n")));
}

#[test]
fn what_is_cut_at_any_byte_is_no_certificate() {
    let whole = certificate(&[extension(&utf8("Operator"))]);
    for cut in 0..whole.len() {
        assert_eq!(role_of(&whole[..cut]), Err(RoleError::NoCertificate));
    }
    assert_eq!(role_of(&[whole, vec![0]].concat()), Err(RoleError::NoCertificate));
}

#[test]
fn every_kept_input_of_the_fuzzer_holds() {
    corpus::replay(env!("CARGO_MANIFEST_DIR"), "role", invariants::check);
}

fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let role = certificate(&[extension(&utf8("Operator")), extension(&tlv(0x13, b"x"))]);
    vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6).prop_map(move |changes| {
        let mut bytes = role.clone();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser(bytes in vec(any::<u8>(), 0..512)) {
        invariants::check(&bytes);
    }

    #[test]
    fn no_damaged_certificate_breaks_the_parser(bytes in nearly()) {
        invariants::check(&bytes);
    }

    #[test]
    fn every_string_comes_back_as_it_was(role in "\\PC{1,400}") {
        let whole = certificate(&[extension(&utf8(&role))]);
        prop_assert_eq!(role_of(&whole), Ok(Some(&*role)));
    }
}
