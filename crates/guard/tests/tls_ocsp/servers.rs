//! What responders say of servers.

use crate::far::{Far, Outpost, shared, until};
use crate::pki::{Holder, Site, Wish};
use crate::responder::{OpenSsl, Responder, Status, asks, says, says_nothing};
use crate::stage::{READ, reasons, word};
use event::Kind;
use serde_json::{Value, json};

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

/// A server of the site, behind a guard that asks about it; on a connection of each session's own, or on a shared one.
fn before(when_silent: &str, is_shared: bool, change: impl FnOnce(&mut Value)) -> (Outpost, Responder, Holder) {
    let (responder, site) = (Responder::start(says_nothing()), Site::new());
    let holder = site.issue(&Wish::controller());
    responder.does(says(Status::Good, &site.issuing));
    let far = Far::start(&site, &holder, |_| {});
    let outpost = Outpost::before(site, far, |document| {
        document["servers"][0]["tls"]["tls"]["ocsp"] = asks(responder.port, when_silent);
        change(&mut document["servers"][0]["tls"]["tls"]["ocsp"]);
        if is_shared {
            shared(document);
        }
    });
    (outpost, responder, holder)
}

fn refusals(outpost: &Outpost) -> Vec<String> {
    outpost.told().iter().map(|reason| word(reason).to_owned()).collect()
}

#[test]
fn a_revoked_server_is_sent_nothing() {
    for is_shared in [false, true] {
        let (outpost, responder, _) = before("refuse", is_shared, |_| {});
        responder.does(says(Status::Revoked, &outpost.site.issuing));

        assert!(outpost.hears(&READ).is_none_or(|pdu| pdu[0] == 0x83));
        assert_eq!(outpost.far.count(|counts| &counts.requests), 0);
        let told = refusals(&outpost);
        assert!(!told.is_empty() && told.iter().all(|reason| reason == "revoked"), "{told:?}");
    }
}

#[test]
fn a_server_about_which_nobody_answers_is_used_or_not_as_the_site_file_says() {
    for is_shared in [false, true] {
        for when_silent in ["warn", "refuse"] {
            let (outpost, responder, _) = before(when_silent, is_shared, |_| {});
            responder.does(says_nothing());
            let answer = outpost.hears(&READ);
            until("it was heard", || outpost.status()["ocsp"]["not_good"][0]["why"] == json!("ocsp_silent"));

            let is_used = answer == Some(ANSWER.to_vec());
            assert_eq!(is_used, when_silent == "warn", "{is_shared} {answer:?}");
            assert_eq!(outpost.far.count(|counts| &counts.requests), usize::from(is_used));
            let rows = outpost.rows();
            let told = reasons(&rows, if is_used { Kind::TlsTolerated } else { Kind::TlsServerRefused });
            assert!(!told.is_empty() && told.iter().all(|one| word(one) == "ocsp_silent"), "{told:?}");
        }
    }
}

#[test]
fn a_server_that_is_good_is_used_once_that_is_known() {
    for is_shared in [false, true] {
        let (outpost, responder, _) = before("refuse", is_shared, |_| {});

        assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
        assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
        assert_eq!(responder.questions(), 1);
        assert_eq!(refusals(&outpost), Vec::<String>::new());
    }
}

#[test]
fn a_server_that_openssls_responder_calls_revoked_is_cut_within_its_session() {
    for is_shared in [false, true] {
        let site = Site::new();
        let holder = site.issue(&Wish::controller());
        let openssl = OpenSsl::start(&site, &site.appoint(true), &[(&holder.certificate, false)]);
        let far = Far::start(&site, &holder, |_| {});
        let outpost = Outpost::before(site, far, |document| {
            let ocsp = &mut document["servers"][0]["tls"]["tls"]["ocsp"];
            *ocsp = asks(openssl.port, "warn");
            ocsp["max_age_ms"] = json!(1_000);
            if is_shared {
                shared(document);
            }
        });
        let mut client = outpost.client();
        assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
        assert_eq!(outpost.far.count(|counts| &counts.ended), 0);

        openssl.knows(&[(&holder.certificate, true)]);
        until("it is cut", || outpost.far.count(|counts| &counts.ended) == 1);
        assert!(outpost.hears(&READ).is_none_or(|pdu| pdu[0] == 0x83));
        let told = refusals(&outpost);
        assert!(told.iter().all(|reason| reason == "revoked"), "{told:?}");
    }
}
