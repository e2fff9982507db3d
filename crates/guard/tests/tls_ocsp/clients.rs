//! What responders say of clients.

use crate::far::until;
use crate::pki::{Holder, Wish};
use crate::responder::{OpenSsl, Responder, Status, asks, says, says_nothing};
use crate::stage::{Client, READ, Stage, WRITE, context, reasons, word};
use event::Kind;
use openssl::ssl::SslVersion;
use serde_json::{Value, json};
use std::time::Duration;

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

/// A stage whose responder is the test's own and knows everybody; one engineer.
fn with(when_silent: &str, change: impl FnOnce(&mut Value)) -> (Stage, Responder, Holder) {
    let responder = Responder::start(says_nothing());
    let stage = Stage::with(|tls, _| {
        tls["ocsp"] = asks(responder.port, when_silent);
        change(&mut tls["ocsp"]);
    });
    responder.does(says(Status::Good, &stage.site.issuing));
    let holder = stage.site.issue(&Wish::client("Engineer"));
    (stage, responder, holder)
}

fn reads(stage: &Stage, holder: &Holder) -> Option<Vec<u8>> {
    stage.joins(holder)?.asks(1, &READ).map(|(_, pdu)| pdu)
}

/// The first words of all rows of a kind.
fn words(stage: &Stage, kind: Kind) -> Vec<String> {
    reasons(&stage.rows(), kind).iter().map(|reason| word(reason).to_owned()).collect()
}

fn replies(stage: &Stage, word: &str) -> u64 {
    stage.status()["ocsp"]["replies"][word].as_u64().unwrap_or_default()
}

// --- a real responder

/// A stage at which `openssl ocsp` is asked; the index is of the site's.
fn beside_openssl(when_silent: &str, is_appointed: bool, is_revoked: bool) -> (Stage, OpenSsl, Holder) {
    let mut stage = Stage::set();
    let holder = stage.site.issue(&Wish::client("Engineer"));
    let signer = if is_appointed { stage.site.appoint(true) } else { stage.site.issuing.clone() };
    let responder = OpenSsl::start(&stage.site, &signer, &[(&holder.certificate, is_revoked)]);
    stage.document["conduits"][0]["tls"]["ocsp"] = asks(responder.port, when_silent);
    stage.reload().unwrap();
    (stage, responder, holder)
}

#[test]
fn openssls_responder_keeps_a_revoked_client_out() {
    for is_appointed in [false, true] {
        let (stage, _responder, holder) = beside_openssl("refuse", is_appointed, true);

        assert!(stage.refuses(&holder));
        assert_eq!(stage.server.requests(), 0);
        let told = reasons(&stage.rows(), Kind::TlsRefused);
        assert!(told[0].starts_with("revoked: subject CN=hmi-1, serial"), "{told:?}");
        assert!(told[0].ends_with("revoked since 2026-01-01T00:00:00Z"), "{told:?}");
    }
}

#[test]
fn openssls_responder_does_not_know_a_client_and_keeps_it_out_where_silence_does() {
    let (stage, _responder, known) = beside_openssl("refuse", true, false);
    let unknown = stage.site.issue(&Wish::client("Engineer"));

    assert!(stage.refuses(&unknown));
    assert_eq!(reads(&stage, &known), Some(ANSWER.to_vec()));
    assert_eq!(words(&stage, Kind::TlsRefused), ["ocsp_unknown"]);
}

#[test]
fn openssls_responder_lets_a_good_client_in_and_is_asked_once() {
    for (when_silent, is_appointed) in [("warn", false), ("refuse", true), ("refuse", false)] {
        let (stage, _responder, holder) = beside_openssl(when_silent, is_appointed, false);
        assert_eq!(reads(&stage, &holder), Some(ANSWER.to_vec()));
        until("it was heard", || replies(&stage, "good") == 1);
        assert_eq!(reads(&stage, &holder), Some(ANSWER.to_vec()));

        assert_eq!(stage.status()["ocsp"]["replies"], json!({"good": 1}));
        assert_eq!(stage.status()["ocsp"]["certificates"], json!({"good": 1, "revoked": 0, "unanswered": 0}));
        let rows = stage.rows();
        assert_eq!(reasons(&rows, Kind::TlsRefused), Vec::<String>::new());
        assert_eq!(reasons(&rows, Kind::TlsTolerated), Vec::<String>::new());
    }
}

#[test]
fn openssls_responder_has_a_client_cut_that_is_revoked_within_its_session_and_no_other() {
    let (mut stage, responder, gone) = beside_openssl("warn", true, false);
    let stays = stage.site.issue(&Wish::client("Engineer"));
    responder.knows(&[(&gone.certificate, false), (&stays.certificate, false)]);
    stage.document["conduits"][0]["tls"]["ocsp"]["max_age_ms"] = json!(1_000);
    stage.reload().unwrap();
    let (mut bad, mut good) = (stage.joins(&gone).unwrap(), stage.joins(&stays).unwrap());
    assert_eq!(bad.asks(1, &WRITE), Some((1, WRITE.to_vec())));
    assert_eq!(good.asks(1, &WRITE), Some((1, WRITE.to_vec())));
    until("both were heard", || stage.status()["ocsp"]["certificates"]["good"] == json!(2));

    responder.knows(&[(&gone.certificate, true), (&stays.certificate, false)]);
    assert!(bad.is_ended());

    assert_eq!(good.asks(2, &WRITE), Some((2, WRITE.to_vec())));
    assert!(stage.refuses(&gone));
    let rows = stage.rows();
    let closed = reasons(&rows, Kind::SessionClosed);
    let cut: Vec<_> =
        closed.iter().filter(|reason| reason.starts_with("certificate: revoked: subject CN=hmi-1")).collect();
    assert_eq!(cut.len(), 1, "{closed:?}");
    assert_eq!(reasons(&rows, Kind::TlsRefused).iter().map(|one| word(one)).collect::<Vec<_>>(), ["revoked"]);
}

// --- whoever is revoked

#[test]
fn a_revoked_client_is_cut_as_soon_as_the_answer_is_there_and_then_kept_out_though_nobody_answers_any_more() {
    let (stage, responder, holder) = with("warn", |_| {});
    responder.does(says(Status::Revoked, &stage.site.issuing));
    let mut client = stage.joins(&holder).unwrap();
    assert!(client.is_ended());

    responder.does(says_nothing());
    assert!(stage.refuses(&holder));
    let rows = stage.rows();
    assert!(reasons(&rows, Kind::SessionClosed)[0].starts_with("certificate: revoked: "));
    assert_eq!(reasons(&rows, Kind::TlsRefused).iter().map(|one| word(one)).collect::<Vec<_>>(), ["revoked"]);
}

/// What a client that keeps its session does: the second connection resumes the first.
fn resumes(stage: &Stage, holder: &Holder, between: impl FnOnce()) -> (bool, Option<(u16, Vec<u8>)>) {
    let mut builder = openssl::ssl::SslContextBuilder::new(openssl::ssl::SslMethod::tls_client()).unwrap();
    builder.set_verify(openssl::ssl::SslVerifyMode::NONE);
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_certificate(&holder.certificate).unwrap();
    builder.set_private_key(&holder.key).unwrap();
    builder.add_extra_chain_cert(holder.chain[0].clone()).unwrap();
    let dialer = ffi::Dialer::new(builder, None).unwrap();
    let connect = || dialer.dial().unwrap().connect(crate::stage::tcp(stage.port)).map(Client);
    let mut first = connect().unwrap();
    assert_eq!(first.asks(1, &READ), Some((1, ANSWER.to_vec())));
    first.0.shutdown().unwrap();
    between();
    match connect() {
        Ok(mut second) => (second.0.ssl().session_reused(), second.asks(2, &READ)),
        Err(_) => (false, None),
    }
}

#[test]
fn a_session_is_resumed_only_as_long_as_its_certificate_is_good() {
    let (stage, responder, holder) = with("refuse", |ocsp| ocsp["max_age_ms"] = json!(1_000));
    let (is_resumed, answer) = resumes(&stage, &holder, || {});
    assert_eq!((is_resumed, answer), (true, Some((2, ANSWER.to_vec()))));

    let (is_resumed, answer) = resumes(&stage, &holder, || {
        responder.does(says(Status::Revoked, &stage.site.issuing));
        std::thread::sleep(Duration::from_millis(1_200));
    });
    assert_eq!((is_resumed, answer), (true, None));
    assert_eq!(words(&stage, Kind::TlsRefused), ["revoked"]);
}

// --- nobody says anything

#[test]
fn without_a_responder_clients_come_in_and_one_row_says_so_or_they_are_kept_out() {
    for (when_silent, refused) in [("warn", 0), ("refuse", 2)] {
        let port = crate::harness::free_port();
        let stage = Stage::with(|tls, _| tls["ocsp"] = asks(port, when_silent));
        let holder = stage.site.issue(&Wish::client("Engineer"));
        for _ in 0..2 {
            assert_eq!(reads(&stage, &holder).is_none(), refused > 0);
        }
        until("it was heard", || replies(&stage, "ocsp_silent") > 0);
        assert_eq!(stage.status()["ocsp"]["not_good"][0]["why"], json!("ocsp_silent"));

        let rows = stage.rows();
        assert_eq!(reasons(&rows, Kind::TlsRefused).len(), refused);
        let told = reasons(&rows, Kind::TlsTolerated);
        assert_eq!(told.len(), usize::from(refused == 0), "{told:?}");
        assert!(
            told.iter()
                .all(|one| one.starts_with("ocsp_silent: subject CN=hmi-1") && one.contains("http://127.0.0.1:"))
        );
    }
}

#[test]
fn nobody_waits_for_a_responder_that_is_slow_unless_silence_keeps_out() {
    for (when_silent, waits) in [("warn", false), ("refuse", true)] {
        let (stage, responder, holder) = with(when_silent, |ocsp| ocsp["timeout_ms"] = json!(5_000));
        let (release, released) = std::sync::mpsc::channel::<()>();
        let signer = stage.site.issuing.clone();
        responder.does(Box::new(move |id, stream| {
            let _ = released.recv();
            crate::responder::send(stream, &crate::responder::Answer::of(Status::Good, &signer).about(id));
        }));
        let port = stage.port;
        let of = holder.clone();
        let client = std::thread::spawn(move || {
            Client::connect(port, &context(Some(&of), |_| {})).and_then(|mut client| client.asks(1, &READ))
        });
        until("it is asked", || responder.questions() == 1);
        if waits {
            until("it waits", || stage.status()["handshakes"] == json!(1));
            assert_eq!(stage.server.requests(), 0);
        } else {
            until("it came in", || stage.server.requests() == 1);
            assert_eq!(replies(&stage, "good"), 0);
        }
        release.send(()).unwrap();

        assert_eq!(client.join().unwrap(), Some((1, ANSWER.to_vec())));
    }
}

#[test]
fn a_responder_that_accepts_and_says_nothing_is_silent_and_holds_up_nobody_else() {
    let (stage, responder, holder) = with("refuse", |_| {});
    let known = stage.site.issue(&Wish::client("Operator"));
    let mut open = stage.joins(&known).unwrap();
    assert_eq!(open.asks(1, &READ), Some((1, ANSWER.to_vec())));
    responder.does(says_nothing());
    let (port, of) = (stage.port, holder.clone());
    let client =
        std::thread::spawn(move || Client::connect(port, &context(Some(&of), |_| {})).and_then(|mut one| one.hears()));
    until("it is asked", || responder.questions() == 2);

    assert_eq!(open.asks(2, &READ), Some((2, ANSWER.to_vec())));
    assert_eq!(reads(&stage, &known), Some(ANSWER.to_vec()));
    assert_eq!(client.join().unwrap(), None);
    assert_eq!(words(&stage, Kind::TlsRefused), ["ocsp_silent"]);
}

#[test]
fn an_open_session_stays_when_its_responder_falls_silent_and_new_ones_are_kept_out() {
    let (stage, responder, holder) = with("refuse", |ocsp| ocsp["max_age_ms"] = json!(1_000));
    let mut open = stage.joins(&holder).unwrap();
    assert_eq!(open.asks(1, &READ), Some((1, ANSWER.to_vec())));
    responder.does(says_nothing());
    until("it was asked again", || replies(&stage, "ocsp_silent") > 0);
    std::thread::sleep(Duration::from_millis(1_200));

    assert_eq!(open.asks(2, &READ), Some((2, ANSWER.to_vec())));
    assert!(stage.refuses(&holder));
    assert_eq!(open.asks(3, &READ), Some((3, ANSWER.to_vec())));
    assert_eq!(words(&stage, Kind::TlsRefused), ["ocsp_silent"]);
}

// --- whom the guard asks

#[test]
fn a_responder_that_a_certificate_names_is_asked_only_where_the_site_file_says_so() {
    for (says_so, asked) in [(false, 0), (true, 1)] {
        let named = Responder::start(says_nothing());
        let (stage, set, _) = with("refuse", |ocsp| {
            if says_so {
                ocsp["responder"] = json!("from_certificate");
            }
        });
        named.does(says(Status::Good, &stage.site.issuing));
        let place = Some(format!("http://127.0.0.1:{}/ocsp", named.port));
        let holder = stage.site.issue(&Wish { responder: place, ..Wish::client("Engineer") });

        assert_eq!(reads(&stage, &holder), Some(ANSWER.to_vec()));
        assert_eq!((named.questions(), set.questions()), (asked, 1 - asked));
    }
}

#[test]
fn a_certificate_that_names_nobody_or_a_strangers_place_has_nobody_asked() {
    let (stage, set, holder) = with("refuse", |ocsp| ocsp["responder"] = json!("from_certificate"));
    let odd = Some("ldap://127.0.0.1/".to_owned());
    let odd = stage.site.issue(&Wish { responder: odd, ..Wish::client("Engineer") });
    let named = Responder::start(says_nothing());
    let place = Some(format!("http://127.0.0.1:{}/", named.port));
    let stranger = crate::pki::Site::new().issue(&Wish { responder: place, ..Wish::client("Engineer") });

    assert!(stage.refuses(&holder) && stage.refuses(&odd) && stage.refuses(&stranger));
    assert_eq!((set.questions(), named.questions()), (0, 0));
    assert_eq!(words(&stage, Kind::TlsRefused), ["ocsp_no_responder", "ocsp_no_responder", "unknown_ca"]);
}

#[test]
fn asking_can_be_begun_and_ended_by_a_reload() {
    let (mut stage, responder, holder) = with("warn", |_| {});
    responder.does(says(Status::Revoked, &stage.site.issuing));
    let ocsp = stage.document["conduits"][0]["tls"]["ocsp"].take();
    stage.document["conduits"][0]["tls"].as_object_mut().unwrap().remove("ocsp");
    stage.reload().unwrap();
    let mut client = stage.joins(&holder).unwrap();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
    assert_eq!((responder.questions(), &stage.status()["ocsp"]), (0, &Value::Null));

    stage.document["conduits"][0]["tls"]["ocsp"] = ocsp;
    stage.reload().unwrap();
    assert!(client.is_ended());
    let metrics = String::from_utf8(stage.guard.metrics().unwrap()).unwrap();
    assert!(metrics.contains("modwarden_ocsp_replies_total{reply=\"revoked\"} 1\n"), "{metrics}");
    assert!(metrics.contains("modwarden_ocsp_certificates{standing=\"revoked\"} 1\n"), "{metrics}");
}
