//! Answers that say nothing, or nothing that counts: each has its word.

use crate::pki::{Holder, Site, Wish};
use crate::responder::{Answer, HOUR_S, Manner, Responder, Status, asks, http, says, says_bytes, says_nothing, send};
use crate::stage::{READ, Stage, reasons, word};
use event::Kind;

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

/// What becomes of a client of whom a responder says so, where silence keeps out and where it does not.
fn judged(manner: impl Fn(&Site) -> Manner) -> (Vec<String>, Vec<String>) {
    let of = |when_silent: &str, kind: Kind| {
        let responder = Responder::start(says_nothing());
        let stage = Stage::with(|tls, _| tls["ocsp"] = asks(responder.port, when_silent));
        responder.does(manner(&stage.site));
        let holder = stage.site.issue(&Wish::client("Engineer"));
        let answer = stage.joins(&holder).and_then(|mut client| client.asks(1, &READ));
        assert_eq!(answer.is_some(), when_silent == "warn");
        crate::far::until("it was heard", || stage.status()["ocsp"]["not_good"][0]["why"].is_string());
        let rows = stage.rows();
        assert!(reasons(&rows, Kind::SessionClosed).iter().all(|reason| !reason.starts_with("certificate")));
        reasons(&rows, kind).iter().map(|reason| word(reason).to_owned()).collect()
    };
    (of("refuse", Kind::TlsRefused), of("warn", Kind::TlsTolerated))
}

fn both(word: &str) -> (Vec<String>, Vec<String>) {
    (vec![word.to_owned()], vec![word.to_owned()])
}

/// An answer signed by the issuing authority, but for what is changed.
fn changed(site: &Site, change: impl Fn(&mut Answer<'_>) + Send + 'static) -> Manner {
    let signer: Holder = site.issuing.clone();
    Box::new(move |id, stream| {
        let mut answer = Answer::of(Status::Good, &signer);
        change(&mut answer);
        send(stream, &answer.about(id));
    })
}

#[test]
fn what_the_tests_own_responder_says_is_taken_where_nothing_is_wrong_about_it() {
    let responder = Responder::start(says_nothing());
    let stage = Stage::with(|tls, _| tls["ocsp"] = asks(responder.port, "refuse"));
    for signer in [stage.site.issuing.clone(), stage.site.appoint(true)] {
        responder.does(says(Status::Good, &signer));
        let holder = stage.site.issue(&Wish::client("Engineer"));

        assert_eq!(stage.joins(&holder).unwrap().asks(1, &READ), Some((1, ANSWER.to_vec())));
    }
}

#[test]
fn garbage_is_no_answer() {
    for bytes in
        [http(b"garbage"), b"HTTP/1.1 500 Oops\r\n\r\n".to_vec(), b"\0\x01\x02".to_vec(), http(&[0x30, 3, 0x0A, 1, 6])]
    {
        assert_eq!(judged(|_| says_bytes(bytes.clone())), both("ocsp_bad_answer"));
    }
}

#[test]
fn an_answer_of_a_megabyte_is_not_read_to_its_end() {
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 1 << 20]].concat();
    for bytes in [http(&vec![0; 1 << 20]), endless] {
        assert_eq!(judged(|_| says_bytes(bytes.clone())), both("ocsp_bad_answer"));
    }
}

#[test]
fn an_answer_signed_by_a_stranger_says_nothing() {
    let stranger = Site::new();

    assert_eq!(judged(|_| says(Status::Good, &stranger.issuing)), both("ocsp_bad_answer"));
    assert_eq!(judged(|_| says(Status::Revoked, &stranger.issuing)), both("ocsp_bad_answer"));
}

#[test]
fn an_answer_signed_by_one_of_the_site_whom_the_issuer_did_not_appoint_says_nothing() {
    assert_eq!(judged(|site| says(Status::Good, &site.appoint(false))), both("ocsp_bad_answer"));
    assert_eq!(judged(|site| says(Status::Revoked, &site.appoint(false))), both("ocsp_bad_answer"));
}

#[test]
fn an_answer_signed_by_the_root_or_by_its_own_subject_says_nothing() {
    assert_eq!(judged(|site| says(Status::Good, &site.root)), both("ocsp_bad_answer"));
    assert_eq!(judged(|site| says(Status::Good, &site.issue(&Wish::client("Engineer")))), both("ocsp_bad_answer"));
}

#[test]
fn an_answer_about_another_certificate_says_nothing() {
    let another = |site: &Site| -> Manner {
        let signer = site.issuing.clone();
        Box::new(move |id, stream| {
            let mut id = id.to_vec();
            *id.last_mut().unwrap() ^= 1;
            send(stream, &Answer::of(Status::Good, &signer).about(&id));
        })
    };

    assert_eq!(judged(another), both("ocsp_bad_answer"));
}

#[test]
fn an_answer_that_has_expired_or_is_still_to_come_says_nothing() {
    let expired = |site: &Site| changed(site, |answer| (answer.this_s, answer.next_s) = (-3 * HOUR_S, -2 * HOUR_S));
    let early = |site: &Site| changed(site, |answer| (answer.this_s, answer.next_s) = (HOUR_S, 2 * HOUR_S));

    assert_eq!(judged(expired), both("ocsp_stale"));
    assert_eq!(judged(early), both("ocsp_stale"));
}

#[test]
fn an_answer_that_the_certificate_is_not_known_lets_in_where_silence_does() {
    assert_eq!(judged(|site| changed(site, |answer| answer.status = Status::Unknown)), both("ocsp_unknown"));
}

#[test]
fn an_answer_that_was_altered_says_nothing() {
    let altered = |site: &Site| -> Manner {
        let signer = site.issuing.clone();
        Box::new(move |id, stream| {
            let mut bytes = Answer::of(Status::Revoked, &signer).about(id);
            let at = bytes.windows(4).position(|window| window == b"\xA1\x11\x18\x0F").unwrap();
            bytes[at + 4] ^= 1;
            send(stream, &bytes);
        })
    };

    assert_eq!(judged(altered), both("ocsp_bad_answer"));
}
