//! Roles: what a certificate carries is what the policy is asked with, and what records name.

use crate::pki::Wish;
use crate::stage::{READ, Stage, WRITE};
use event::Kind;
use serde_json::json;

const DENIED: [u8; 2] = [0x86, 1];

#[test]
fn a_certificate_without_a_role_gets_in_and_may_do_what_needs_no_role() {
    let stage = Stage::set();
    let mut client = stage.joins_as(&Wish::none()).unwrap();

    assert_eq!(client.asks(1, &READ), Some((1, vec![0x83, 1])));
    let rows = stage.rows();
    let opened = rows.iter().find(|row| row.kind == Kind::SessionOpened).unwrap();
    assert_eq!((opened.identity.as_deref(), opened.role.as_deref()), (Some("certificate"), None));
}

#[test]
fn a_role_may_do_what_its_rules_permit_and_nothing_else() {
    let stage = Stage::set();
    let (mut operator, mut engineer) = (stage.client("Operator").unwrap(), stage.client("Engineer").unwrap());

    assert_eq!(operator.asks(1, &WRITE), Some((1, DENIED.to_vec())));
    assert_eq!(operator.asks(2, &READ), Some((2, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(engineer.asks(3, &WRITE), Some((3, WRITE.to_vec())));
    assert_eq!(stage.server.writes(), 1);
}

#[test]
fn records_name_the_certificate_once_and_the_role_each_time() {
    let stage = Stage::set();
    stage.client("Engineer").unwrap().asks(1, &WRITE).unwrap();
    let rows = stage.rows();
    let of = |kind| rows.iter().find(|row| row.kind == kind).unwrap();

    let opened = of(Kind::SessionOpened).reason.as_deref().unwrap_or_default();
    assert!(opened.starts_with("subject CN=hmi-1, serial "), "{opened}");
    for kind in [Kind::SessionOpened, Kind::RequestPermitted, Kind::RequestOutcome, Kind::SessionClosed] {
        assert_eq!((of(kind).identity.as_deref(), of(kind).role.as_deref()), (Some("certificate"), Some("Engineer")));
    }
}

#[test]
fn a_role_of_300_bytes_is_the_whole_string() {
    let role = "R".repeat(300);
    let mut stage = Stage::set();
    stage.document["conduits"][0]["rules"][0]["roles"] = json!([role]);
    stage.reload().unwrap();

    assert_eq!(stage.client(&role).unwrap().asks(1, &READ), Some((1, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(stage.client(&role[..299]).unwrap().asks(1, &READ), Some((1, vec![0x83, 1])));
}

#[test]
fn open_sessions_are_shown_with_certificate_and_role() {
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    client.asks(1, &READ).unwrap();
    let sessions: serde_json::Value = serde_json::from_slice(&stage.guard.sessions().unwrap()).unwrap();

    assert_eq!((&sessions[0]["identity"], &sessions[0]["role"]), (&json!("certificate"), &json!("Operator")));
    assert!(sessions[0]["certificate"].as_str().unwrap().contains("CN=hmi-1"));
}

#[test]
fn requests_that_come_in_one_piece_are_each_answered() {
    use std::io::Write as _;
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    let many: Vec<u8> = (0..40).flat_map(|id| crate::harness::adu(id, 1, &READ)).collect();
    client.0.write_all(&many).unwrap();

    let heard: Vec<u16> = (0..40).map(|_| client.hears().unwrap().0).collect();
    assert_eq!(heard, (0..40).collect::<Vec<_>>());
}

#[test]
fn a_request_in_many_records_is_one_request() {
    use std::io::Write as _;
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    for byte in crate::harness::adu(7, 1, &READ) {
        client.0.write_all(&[byte]).unwrap();
    }

    assert_eq!(client.hears(), Some((7, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(stage.server.requests(), 1);
}

#[test]
fn a_client_that_says_goodbye_hears_it_too() {
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    client.asks(1, &READ).unwrap();
    client.0.shutdown().unwrap();

    assert!(client.is_ended());
    assert!(client.0.get_shutdown().contains(openssl::ssl::ShutdownState::RECEIVED));
    let rows = stage.rows();
    let closed = rows.iter().find(|row| row.kind == Kind::SessionClosed).unwrap();
    assert_eq!(closed.reason.as_deref(), Some("client_closed"));
}
