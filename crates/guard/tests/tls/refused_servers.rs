//! Servers that are not used, each with its reason, and how that looks to a client.

use crate::far::{Change, Far, Outpost, shared};
use crate::pki::{DAY_S, Holder, Key, Site, Wish};
use crate::stage::{READ, WRITE, reasons, word};
use event::Kind;
use openssl::ssl::{SslVerifyMode, SslVersion};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::time::Duration;

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

/// The word for a server that was refused, which got nothing.
fn reason(outpost: &Outpost) -> String {
    let answer = outpost.hears(&WRITE);
    assert_eq!(outpost.far.count(|counts| &counts.requests), 0);
    // Under TLS 1.3 the request may be under way already.
    assert!(answer.is_none() || answer == Some(vec![0x86, 0x0B]), "{answer:?}");
    let told = outpost.told();
    assert!(!told.is_empty());
    word(&told[0]).to_owned()
}

fn of(wish: &Wish, manner: Change) -> String {
    reason(&Outpost::with(wish, manner, |_| {}))
}

#[test]
fn a_certificate_outside_its_dates() {
    let expired = Wish { from_s: -2 * DAY_S, until_s: -DAY_S, ..Wish::controller() };
    let early = Wish { from_s: DAY_S, ..Wish::controller() };

    assert_eq!([of(&expired, |_| {}), of(&early, |_| {})], ["expired", "not_yet_valid"]);
}

#[test]
fn a_certificate_of_another_authority() {
    let (site, other) = (Site::new(), Site::new());
    let far = Far::start(&site, &other.issue(&Wish::controller()), |_| {});
    let outpost = Outpost::before(site, far, |_| {});

    assert_eq!(outpost.hears(&READ), None);
    let rows = outpost.rows();
    let refused = rows.iter().find(|row| row.kind == Kind::TlsServerRefused).unwrap();
    assert!(refused.reason.as_deref().unwrap().starts_with("unknown_ca: subject CN="), "{:?}", refused.reason);
    let whose = (refused.server.as_deref(), refused.server_address.map(|address| address.to_string()));
    assert_eq!(whose, (Some("ahu-001"), Some("127.0.0.1".to_owned())));
    assert!(refused.session.is_some() && refused.client.as_deref() == Some("hmi-1"));
}

#[test]
fn a_chain_without_its_intermediate() {
    let site = Site::new();
    let bare = Holder { chain: Vec::new(), ..site.issue(&Wish::controller()) };
    let far = Far::start(&site, &bare, |_| {});

    assert_eq!(reason(&Outpost::before(site, far, |_| {})), "unknown_ca");
}

#[test]
fn a_certificate_that_names_another() {
    let other = Wish { address: Some("127.0.0.2"), names: vec!["127.0.0.1"], ..Wish::controller() };
    let nameless = Wish { address: None, names: Vec::new(), name: "127.0.0.1", ..Wish::controller() };

    assert_eq!([of(&other, |_| {}), of(&nameless, |_| {})], ["wrong_name", "wrong_name"]);
}

#[test]
fn a_wildcard_names_nobody() {
    let wild = Wish { names: vec!["*.plant"], ..Wish::controller() };
    let expects = |document: &mut Value| document["servers"][0]["tls"]["name"] = json!("ahu-001.plant");

    assert_eq!(reason(&Outpost::with(&wild, |_| {}, expects)), "wrong_name");
}

#[test]
fn a_certificate_that_was_revoked_even_by_a_list_that_is_out_of_date() {
    for next_s in [30 * DAY_S, -DAY_S] {
        let site = Site::new();
        let holder = site.issue(&Wish::controller());
        let far = Far::start(&site, &holder, |_| {});
        let revoke = |site: &Site, files: &crate::stage::Files<'_>| {
            files.write("lists.pem", &site.lists(&[&holder.certificate], next_s));
        };

        assert_eq!(reason(&Outpost::believing(site, far, revoke, |_| {})), "revoked");
    }
}

#[test]
fn a_list_that_is_out_of_date_is_told_of_or_refused_as_the_site_file_says() {
    for (choice, refused) in [("warn", vec![]), ("refuse", vec!["stale_crl"])] {
        let site = Site::new();
        let far = Far::start(&site, &site.issue(&Wish::controller()), |_| {});
        let stale = |site: &Site, files: &crate::stage::Files<'_>| files.write("lists.pem", &site.lists(&[], -DAY_S));
        let outpost = Outpost::believing(site, far, stale, |document| {
            document["servers"][0]["tls"]["tls"]["stale_crl"] = json!(choice);
        });

        assert_eq!(outpost.hears(&READ).is_some(), refused.is_empty());
        let rows = outpost.rows();
        let tolerated = reasons(&rows, Kind::TlsTolerated);
        assert_eq!(tolerated.iter().any(|reason| word(reason) == "stale_crl"), refused.is_empty());
        assert_eq!(reasons(&rows, Kind::TlsServerRefused).iter().map(|why| word(why)).collect::<Vec<_>>(), refused);
    }
}

#[test]
fn a_clients_certificate_is_no_servers_and_a_weak_key_is_none() {
    let clients = Wish { is_server: false, ..Wish::controller() };
    let weak = Wish { key: Key::Rsa1024, ..Wish::controller() };

    assert_eq!([of(&clients, |_| {}), of(&weak, |_| {})], ["wrong_purpose", "weak_key"]);
}

#[test]
fn a_server_below_tls_1_2() {
    let old: Change = |context| {
        context.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        context.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
        context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    };

    assert_eq!(of(&Wish::controller(), old), "version");
}

#[test]
fn a_server_without_a_suite_of_ours() {
    let strange: Change = |context| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_cipher_list("ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0").unwrap();
    };
    let null: Change = |context| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_cipher_list("NULL-SHA256:@SECLEVEL=0").unwrap();
    };
    let rsa = Wish { key: Key::Rsa2048, ..Wish::controller() };

    assert_eq!([of(&Wish::controller(), strange), of(&rsa, null)], ["server_alert", "server_alert"]);
}

#[test]
fn a_server_that_asks_for_no_certificate_is_refused_unless_the_site_file_says_otherwise() {
    let blind: Change = |context| context.set_verify(SslVerifyMode::NONE);
    assert_eq!(of(&Wish::controller(), blind), "one_sided");

    let warned = Outpost::with(&Wish::controller(), blind, |document| {
        document["servers"][0]["tls"]["one_sided"] = json!("warn");
    });
    assert_eq!(warned.hears(&READ), Some(ANSWER.to_vec()));
    let told = reasons(&warned.rows(), Kind::TlsTolerated);
    assert!(told[0].starts_with("one_sided: the server asks for no certificate: subject CN=ahu-001"), "{told:?}");
}

#[test]
fn a_server_that_does_not_take_the_guards_certificate() {
    let stranger: Change = |context| {
        let other = Site::new();
        let mut roots = openssl::x509::store::X509StoreBuilder::new().unwrap();
        roots.add_cert(other.root.certificate).unwrap();
        context.set_verify_cert_store(roots.build()).unwrap();
    };
    let older: Change = |context| {
        let other = Site::new();
        let mut roots = openssl::x509::store::X509StoreBuilder::new().unwrap();
        roots.add_cert(other.root.certificate).unwrap();
        context.set_verify_cert_store(roots.build()).unwrap();
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    };
    for manner in [stranger, older] {
        let outpost = Outpost::with(&Wish::controller(), manner, |_| {});
        let answer = outpost.hears(&WRITE);

        assert!(answer.is_none() || answer == Some(vec![0x86, 0x0B]), "{answer:?}");
        assert_eq!(outpost.far.count(|counts| &counts.requests), 0);
        let told = outpost.told();
        assert!(told[0].starts_with("server_alert: ") && told[0].contains(" alert "), "{told:?}");
    }
}

#[test]
fn a_server_that_is_none_or_leaves() {
    let plain = Far::serving(|mut stream, _| drop(stream.write_all(&[0, 1, 0, 0, 0, 3, 1, 0x83, 1])));
    let leaves = Far::serving(|stream, _| drop(stream));
    let hears_and_leaves = Far::serving(|mut stream, _| drop(stream.read(&mut [0; 64])));
    let broken = Far::serving(|mut stream, _| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(&[0x16, 3, 3, 0, 4, 2, 0, 0, 0]);
    });
    let words = [plain, leaves, hears_and_leaves, broken].map(|far| reason(&Outpost::before(Site::new(), far, |_| {})));

    assert_eq!(words[0], "not_tls");
    assert_eq!((words[1].as_str(), words[2].as_str()), ("server_closed", "server_closed"));
    assert_eq!(words[3], "protocol");
}

#[test]
fn a_server_that_was_refused_is_left_alone_for_a_while() {
    for manner in [|_: &mut Value| {}, shared] {
        let (site, other) = (Site::new(), Site::new());
        let far = Far::start(&site, &other.issue(&Wish::controller()), |_| {});
        let outpost = Outpost::before(site, far, manner);
        for _ in 0..100 {
            assert_eq!(outpost.hears(&READ), None);
            std::thread::sleep(Duration::from_millis(10));
        }

        // After 250 ms, 500 ms and 1 s, whatever clients want.
        let accepted = outpost.far.count(|counts| &counts.accepted);
        assert!((2..=4).contains(&accepted), "{accepted}");
        assert_eq!(outpost.told().len(), accepted);
    }
}

#[test]
fn a_server_whose_certificate_is_mended_is_found_again() {
    let (site, other) = (Site::new(), Site::new());
    let far = Far::start(&site, &other.issue(&Wish::controller()), |_| {});
    let outpost = Outpost::before(site, far, |_| {});
    assert_eq!(outpost.hears(&READ), None);
    outpost.files().write("roots.pem", &other.roots());
    outpost.reload().unwrap();

    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
}

#[test]
fn a_gateways_clients_hear_that_its_path_is_not_available() {
    let (site, other) = (Site::new(), Site::new());
    let far = Far::start(&site, &other.issue(&Wish::controller()), |_| {});
    let second = crate::harness::Server::start();
    let outpost = Outpost::before(site, far, |document| {
        let mut plain = document["servers"][0].clone();
        (plain["name"], plain["port"], plain["tls"]) = (json!("ahu-002"), json!(second.address.port()), json!(null));
        plain["units"] = json!([{"asset": "ahu-002", "unit_ids": [2]}]);
        document["servers"].as_array_mut().unwrap().push(plain);
        document["conduits"][0]["listeners"][0]["servers"] = json!([0, 1]);
    });

    assert_eq!(outpost.hears(&READ), Some(vec![0x83, 0x0A]));
}
