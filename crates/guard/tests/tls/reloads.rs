//! Certificates that change: renewed ones come into force, and nobody who may stay loses a session.

use crate::pki::{DAY_S, Site, Wish};
use crate::stage::{Client, READ, Stage, WRITE, context, reasons, word};
use event::Kind;
use guard::GuardError;
use serde_json::json;
use std::time::{Duration, Instant};

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

fn serial_shown(stage: &Stage) -> String {
    let client = stage.client("Operator").unwrap();
    let certificate = client.0.ssl().peer_certificate().unwrap();
    certificate.serial_number().to_bn().unwrap().to_string()
}

#[test]
fn a_renewed_certificate_comes_into_force_and_open_sessions_go_on() {
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
    let (before, digest) = (serial_shown(&stage), stage.guard.digest());

    stage.files().write_own(&stage.site, &stage.site.issue(&Wish::server()));
    assert_eq!(stage.reload().unwrap(), digest);

    assert_ne!(before, serial_shown(&stage));
    assert_eq!(client.asks(2, &READ), Some((2, ANSWER.to_vec())));
    assert_eq!(reasons(&stage.rows(), Kind::TlsReloaded).len(), 2);
}

#[test]
fn a_bad_file_refuses_the_reload_and_changes_nothing() {
    let stage = Stage::set();
    let before = serial_shown(&stage);
    let other = stage.site.issue(&Wish::server());
    type Damage = fn(&Stage, &crate::pki::Holder);
    let damages: [(Damage, &str); 4] = [
        (|stage, other| stage.files().write("own.pem", &other.certificate.to_pem().unwrap()), "does not belong"),
        (|stage, _| stage.files().write("own.key", b"no key"), "no PEM private key"),
        (|stage, _| stage.files().write("roots.pem", b""), "no PEM certificate"),
        (|stage, _| stage.files().write("lists.pem", b"-----BEGIN X509 CRL-----"), "no revocation list"),
    ];
    for (damage, what) in damages {
        let files: Vec<_> = ["own.pem", "own.key", "roots.pem", "lists.pem"]
            .map(|name| (name, std::fs::read(stage.files().path(name)).unwrap()))
            .into();
        damage(&stage, &other);
        let Err(GuardError::Credentials(said)) = stage.reload() else { panic!("{what} was taken") };
        assert!(said.starts_with("tls of conduit hvac: ") && said.contains(what), "{said}");
        files.iter().for_each(|(name, bytes)| stage.files().write(name, bytes));
    }
    std::fs::remove_file(stage.files().path("lists.pem")).unwrap();
    assert!(matches!(stage.reload(), Err(GuardError::World(_))));

    assert_eq!(serial_shown(&stage), before);
    assert_eq!(reasons(&stage.rows(), Kind::PolicyRejected).len(), 5);
}

#[test]
fn whoever_is_revoked_is_cut_at_the_reload_and_others_are_not() {
    let stage = Stage::set();
    let gone = stage.site.issue(&Wish::client("Engineer"));
    let (mut bad, mut good) = (stage.joins(&gone).unwrap(), stage.client("Engineer").unwrap());
    bad.asks(1, &WRITE).unwrap();
    good.asks(1, &WRITE).unwrap();
    stage.files().write("lists.pem", &stage.site.lists(&[&gone.certificate], 30 * DAY_S));
    stage.reload().unwrap();

    assert!(bad.is_ended());
    assert_eq!(good.asks(2, &WRITE), Some((2, WRITE.to_vec())));
    let closed = reasons(&stage.rows(), Kind::SessionClosed);
    assert_eq!(closed.iter().filter(|reason| *reason == "certificate: revoked").count(), 1);
}

#[test]
fn a_root_that_is_taken_out_takes_its_clients_with_it() {
    let stage = Stage::set();
    let mut client = stage.client("Engineer").unwrap();
    client.asks(1, &READ).unwrap();
    stage.files().write("roots.pem", &Site::new().roots());
    stage.reload().unwrap();

    assert!(client.is_ended());
    assert_eq!(reasons(&stage.rows(), Kind::SessionClosed), ["certificate: unknown_ca"]);
}

#[test]
fn a_role_that_loses_its_rule_loses_what_the_rule_permitted() {
    let mut stage = Stage::set();
    let mut client = stage.client("Engineer").unwrap();
    assert_eq!(client.asks(1, &WRITE), Some((1, WRITE.to_vec())));
    stage.document["conduits"][0]["rules"].as_array_mut().unwrap().pop();
    stage.reload().unwrap();

    assert_eq!(client.asks(2, &WRITE), Some((2, vec![0x86, 1])));
    assert_eq!(client.asks(3, &READ), Some((3, ANSWER.to_vec())));
}

#[test]
fn a_conduit_that_speaks_tls_from_now_on_ends_its_plain_sessions() {
    let mut stage = Stage::set();
    let tls = stage.document["conduits"][0]["tls"].take();
    stage.reload().unwrap();
    let mut plain = crate::harness::Client::connect(crate::harness::at(stage.port));
    assert_eq!(plain.asks(1, &READ), Some((1, vec![0x83, 1])));
    stage.document["conduits"][0]["tls"] = tls;
    stage.reload().unwrap();

    assert_eq!(plain.hears(), None);
    assert_eq!(stage.client("Operator").unwrap().asks(2, &READ), Some((2, ANSWER.to_vec())));
}

#[test]
fn a_certificate_that_expires_within_a_session_is_told_of_or_ends_it() {
    for (choice, is_ended) in [("warn", false), ("close", true)] {
        let stage = Stage::with(|tls, _| tls["expired"] = json!(choice));
        let short = stage.site.issue(&Wish { until_s: 2, ..Wish::client("Operator") });
        let mut client = stage.joins(&short).unwrap();
        client.asks(1, &READ).unwrap();
        std::thread::sleep(Duration::from_millis(4_200));

        assert_eq!(client.asks(2, &READ).is_none(), is_ended, "{choice}");
        assert!(stage.refuses(&short));
        let rows = stage.rows();
        let told = reasons(&rows, Kind::TlsTolerated).iter().filter(|reason| word(reason) == "expired").count();
        let cut = reasons(&rows, Kind::SessionClosed).iter().filter(|why| *why == "certificate: expired").count();
        assert_eq!((told, cut), if is_ended { (0, 1) } else { (1, 0) });
    }
}

#[test]
fn the_guards_own_files_are_told_of_before_they_end() {
    let stage = Stage::set();
    let soon = stage.site.issue(&Wish { from_s: -100 * DAY_S, until_s: 6 * DAY_S + 60, ..Wish::server() });
    stage.files().write_own(&stage.site, &soon);
    stage.reload().unwrap();

    let certificates = stage.status()["certificates"].clone();
    assert_eq!((&certificates[0]["what"], &certificates[0]["days"]), (&json!("certificate"), &json!(6)));
    let metrics = String::from_utf8(stage.guard.metrics().unwrap()).unwrap();
    let line = metrics.lines().find(|line| line.contains("what=\"certificate\"")).unwrap();
    assert!(line.starts_with("modwarden_tls_certificate_days{conduit=\"hvac\"") && line.ends_with(" 6"), "{line}");
    let told = reasons(&stage.rows(), Kind::TlsExpiring);
    assert!(told.iter().any(|reason| reason.starts_with("expires: certificate CN=gate-1 in 6 days")), "{told:?}");
}

#[test]
fn a_guard_whose_files_are_wrong_does_not_start() {
    let stage = Stage::set();
    stage.guard.stop().unwrap();
    stage.files().write("own.key", b"no key");
    let start = |document: &serde_json::Value| guard::Guard::start(document.to_string().as_bytes(), b"{}").err();

    assert!(matches!(start(&stage.document), Some(GuardError::Credentials(_))));
    std::fs::remove_file(stage.files().path("own.key")).unwrap();
    assert!(matches!(start(&stage.document), Some(GuardError::World(_))));
}

#[test]
fn a_client_in_its_handshake_when_files_change_is_judged_by_the_new_ones() {
    let stage = Stage::set();
    let holder = stage.site.issue(&Wish::client("Operator"));
    let slow = crate::stage::tcp(stage.port);
    let until = Instant::now() + Duration::from_secs(5);
    while stage.status()["handshakes"] != json!(1) {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    stage.files().write("lists.pem", &stage.site.lists(&[&holder.certificate], 30 * DAY_S));
    stage.reload().unwrap();
    let ssl = openssl::ssl::Ssl::new(&context(Some(&holder), |_| {})).unwrap();
    let joined = ssl.connect(slow).ok().map(Client);

    assert!(joined.is_none_or(|mut client| client.asks(1, &READ).is_none()));
    assert_eq!(stage.refusals(), ["revoked"]);
}
