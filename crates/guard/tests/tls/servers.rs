//! TLS towards servers: old clients reach new servers, and every promise holds as on plain TCP.

use crate::far::{DEAF_TO, Far, Outpost, shared, towards, until};
use crate::harness::{self, adu, free_port};
use crate::pki::{DAY_S, Key, Site, Wish};
use crate::stage::{READ, Stage, WRITE, reasons, word};
use event::Kind;
use openssl::ssl::{SslOptions, SslVersion};
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];
const DEAF: [u8; 5] = [6, 0, 7, DEAF_TO[0], DEAF_TO[1]];

#[test]
fn an_old_client_reaches_a_new_server_over_either_version() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let outpost = Outpost::with(
            &Wish::controller(),
            match version {
                SslVersion::TLS1_2 => |context| context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap(),
                _ => |context| context.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap(),
            },
            |_| {},
        );

        assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
        assert_eq!(outpost.hears(&WRITE), Some(WRITE.to_vec()));
        assert_eq!(outpost.far.count(|counts| &counts.writes), 1);
        let rows = outpost.rows();
        let known = rows.iter().find(|row| row.kind == Kind::TlsServerKnown).unwrap();
        assert_eq!(known.server.as_deref(), Some("ahu-001"));
        assert!(known.reason.as_deref().unwrap().starts_with("subject CN=ahu-001, serial "));
        assert_eq!(rows.iter().filter(|row| row.kind == Kind::TlsServerKnown).count(), 1);
    }
}

#[test]
fn a_server_may_be_known_by_name_instead_of_address() {
    let nameless = Wish { address: None, ..Wish::controller() };
    let outpost =
        Outpost::with(&nameless, |_| {}, |document| document["servers"][0]["tls"]["name"] = json!("ahu-001.plant"));

    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
}

#[test]
fn tls_is_spoken_on_both_sides_at_once() {
    let stage = Stage::set();
    let far = Far::start(&stage.site, &stage.site.issue(&Wish::controller()), |_| {});
    let mut document = stage.document.clone();
    stage.files().write_own(&stage.site, &stage.site.issue(&Wish { is_server: false, ..Wish::server() }));
    document["servers"][0]["port"] = json!(far.address.port());
    document["servers"][0]["tls"] = towards(&stage.files());
    stage.guard.reload(document.to_string().as_bytes()).unwrap();
    let mut engineer = stage.client("Engineer").unwrap();

    assert_eq!(engineer.asks(1, &WRITE), Some((1, WRITE.to_vec())));
    assert_eq!(far.count(|counts| &counts.writes), 1);
}

#[test]
fn many_clients_share_one_connection_under_tls() {
    let outpost = Outpost::with(&Wish::controller(), |_| {}, shared);
    let mut clients: Vec<_> = (0..4).map(|_| outpost.client()).collect();
    for round in 1..=5 {
        for client in &mut clients {
            assert_eq!(client.asks(round, &READ), Some((round, ANSWER.to_vec())));
        }
    }

    assert_eq!((outpost.far.count(|counts| &counts.accepted), outpost.far.count(|counts| &counts.requests)), (1, 20));
    let rows = outpost.rows();
    assert_eq!(reasons(&rows, Kind::TlsServerKnown).len(), 1);
    assert!(rows.iter().any(|row| row.kind == Kind::LineOpened));
}

#[test]
fn observing_bytes_pass_as_they_come() {
    let outpost =
        Outpost::with(&Wish::controller(), |_| {}, |document| document["conduits"][0]["verdicts"] = json!("observe"));

    assert_eq!(outpost.hears(&WRITE), Some(WRITE.to_vec()));
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let outpost = Outpost::with(
        &Wish::controller(),
        |context| context.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap(),
        |_| {},
    );
    for round in 1..=5 {
        assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
        until("the connection ends", || outpost.far.count(|counts| &counts.ended) == round);
    }

    assert_eq!((outpost.far.count(|counts| &counts.joined), outpost.far.count(|counts| &counts.resumed)), (5, 4));
    assert_eq!(reasons(&outpost.rows(), Kind::TlsServerKnown).len(), 1);
}

#[test]
fn a_fragment_length_is_asked_for_and_long_replies_come_in_pieces() {
    let long = [3, 0, 0, 0, 100];
    let outpost = Outpost::with(
        &Wish::controller(),
        |_| {},
        |document| document["servers"][0]["tls"]["max_fragment"] = json!(512),
    );

    assert_eq!(outpost.hears(&long).map(|answer| answer.len()), Some(202));
}

#[test]
fn what_only_authenticates_is_offered_where_it_is_named() {
    let named = Outpost::with(
        &Wish { key: Key::Rsa2048, ..Wish::controller() },
        |context| {
            context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
            context.set_cipher_list("NULL-SHA256:@SECLEVEL=0").unwrap();
        },
        |document| {
            let suites = document["servers"][0]["tls"]["tls"]["suites"].as_array_mut().unwrap();
            suites.insert(0, json!("TLS_RSA_WITH_NULL_SHA256"));
        },
    );

    assert_eq!(named.hears(&READ), Some(ANSWER.to_vec()));
}

#[test]
fn what_only_authenticates_is_the_last_that_is_offered() {
    let outpost = Outpost::with(
        &Wish { key: Key::Rsa2048, ..Wish::controller() },
        |context| {
            context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
            // A server that takes what the client likes best.
            context.clear_options(SslOptions::CIPHER_SERVER_PREFERENCE);
            context.set_cipher_list("NULL-SHA256:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0").unwrap();
        },
        |document| {
            let suites = document["servers"][0]["tls"]["tls"]["suites"].as_array_mut().unwrap();
            suites.insert(0, json!("TLS_RSA_WITH_NULL_SHA256"));
        },
    );

    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
    assert_eq!(*outpost.far.counts.suite.lock().unwrap(), "ECDHE-RSA-AES128-GCM-SHA256");
}

#[test]
fn a_write_that_waits_for_the_handshake_is_refused_at_its_deadline_and_never_sent() {
    let far = Far::serving(|stream, _| {
        std::thread::sleep(Duration::from_secs(8));
        drop(stream);
    });
    let outpost = Outpost::before(Site::new(), far, |_| {});
    let (mut client, began) = (outpost.client(), Instant::now());

    assert_eq!(client.asks(1, &WRITE), Some((1, vec![0x86, 6])));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // Five seconds after it began the handshake is given up, and the client is reset as by a server that is not there.
    assert_eq!(client.hears(), None);
    assert!((4..8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(outpost.told(), ["handshake_timeout"]);
}

#[test]
fn a_server_that_hangs_in_its_handshake_keeps_nobody_else_waiting() {
    let far = Far::serving(|stream, _| {
        std::thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let (other, port) = (harness::Server::start(), free_port());
    let outpost = Outpost::before(Site::new(), far, |document| {
        let mut plain = document["servers"][0].clone();
        plain["name"] = json!("ahu-002");
        plain["port"] = json!(other.address.port());
        plain["tls"] = json!(null);
        plain["units"][0]["asset"] = json!("ahu-002");
        document["servers"].as_array_mut().unwrap().push(plain);
        let listener = json!({"address": "127.0.0.1", "port": port, "servers": [1]});
        document["conduits"][0]["listeners"].as_array_mut().unwrap().push(listener);
    });
    let _stuck: Vec<_> = (0..8).map(|_| outpost.client()).collect();
    let mut client = harness::Client::connect(harness::at(port));
    for id in 1..=200 {
        let began = Instant::now();
        assert_eq!(client.asks(id, &READ), Some((id, ANSWER.to_vec())));
        assert!(began.elapsed() < Duration::from_millis(500));
    }
}

#[test]
fn a_write_without_a_reply_costs_the_connection_and_is_never_sent_again() {
    for manner in [|_: &mut serde_json::Value| {}, shared] {
        let outpost = Outpost::with(&Wish::controller(), |_| {}, manner);
        let mut client = outpost.client();

        assert_eq!(client.asks(1, &DEAF), Some((1, vec![0x86, 0x0B])));
        until("the server's connection ends", || outpost.far.count(|counts| &counts.ended) == 1);
        assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
        assert_eq!(outpost.far.count(|counts| &counts.writes), 1);
    }
}

#[test]
fn a_write_is_recorded_before_the_server_has_it() {
    let outpost = Outpost::set();
    assert_eq!(outpost.hears(&WRITE), Some(WRITE.to_vec()));

    let rows = outpost.rows();
    let permitted = rows.iter().find(|row| row.kind == Kind::RequestPermitted).unwrap();
    let outcome = rows.iter().find(|row| row.kind == Kind::RequestOutcome).unwrap();
    assert_eq!(outcome.request_sequence, Some(permitted.sequence));
    assert_eq!(outpost.far.count(|counts| &counts.writes), 1);
}

#[test]
fn a_server_that_is_revoked_is_cut_at_the_reload() {
    for manner in [|_: &mut serde_json::Value| {}, shared] {
        let site = Site::new();
        let holder = site.issue(&Wish::controller());
        let far = Far::start(&site, &holder, |_| {});
        let outpost = Outpost::before(site, far, manner);
        let mut client = outpost.client();
        assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
        outpost.files().write("lists.pem", &outpost.site.lists(&[&holder.certificate], 30 * DAY_S));
        outpost.reload().unwrap();

        until("the server's connection ends", || outpost.far.count(|counts| &counts.ended) >= 1);
        assert_eq!(outpost.hears(&READ), None);
        let told = outpost.told();
        assert!(told.iter().all(|reason| reason.starts_with("revoked: subject CN=ahu-001")), "{told:?}");
        assert_eq!(outpost.far.count(|counts| &counts.requests), 1);
    }
}

#[test]
fn renewed_files_come_into_force_and_no_session_is_lost() {
    for manner in [|_: &mut serde_json::Value| {}, shared] {
        let outpost = Outpost::with(&Wish::controller(), |_| {}, manner);
        let mut client = outpost.client();
        assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
        let renewed = outpost.site.issue(&Wish { name: "gate-1", ..Wish::client("Gateway") });
        outpost.files().write_own(&outpost.site, &renewed);
        outpost.reload().unwrap();

        assert_eq!(client.asks(2, &READ), Some((2, ANSWER.to_vec())));
        assert_eq!(outpost.far.count(|counts| &counts.accepted), 1);
        let rows = outpost.rows();
        let reloaded = reasons(&rows, Kind::TlsReloaded);
        assert_eq!(reloaded.len(), 2);
        assert!(reloaded.iter().all(|reason| reason.ends_with("expects 127.0.0.1")), "{reloaded:?}");
    }
}

#[test]
fn a_server_of_which_another_name_is_expected_now_loses_its_sessions() {
    let mut outpost = Outpost::set();
    let mut client = outpost.client();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
    outpost.document["servers"][0]["tls"]["name"] = json!("other.plant");
    outpost.reload().unwrap();

    assert_eq!(client.hears(), None);
    assert_eq!(outpost.hears(&READ), None);
    assert_eq!(outpost.told().iter().map(|reason| word(reason)).collect::<Vec<_>>(), ["wrong_name"]);
}

#[test]
fn a_server_that_speaks_tls_from_now_on_is_never_sent_a_plain_byte() {
    let mut outpost = Outpost::set();
    let tls = outpost.document["servers"][0]["tls"].take();
    let plain = harness::Server::start();
    let secure = outpost.document["servers"][0]["port"].clone();
    outpost.document["servers"][0]["port"] = json!(plain.address.port());
    outpost.reload().unwrap();
    let mut client = outpost.client();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
    outpost.document["servers"][0]["tls"] = tls;
    outpost.document["servers"][0]["port"] = secure;
    outpost.reload().unwrap();

    assert_eq!(client.hears(), None);
    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
    assert_eq!(plain.requests(), 1);
}

#[test]
fn a_certificate_of_a_server_that_expires_within_a_session_is_told_of_or_ends_it() {
    for (choice, is_ended) in [("warn", false), ("close", true)] {
        let short = Wish { until_s: 2, ..Wish::controller() };
        let outpost =
            Outpost::with(&short, |_| {}, |document| document["servers"][0]["tls"]["tls"]["expired"] = json!(choice));
        let mut client = outpost.client();
        client.asks(1, &READ).unwrap();
        std::thread::sleep(Duration::from_millis(4_200));

        assert_eq!(client.asks(2, &READ).is_none(), is_ended, "{choice}");
        let rows = outpost.rows();
        let told = reasons(&rows, Kind::TlsTolerated).iter().filter(|reason| word(reason) == "expired").count();
        let cut = reasons(&rows, Kind::TlsServerRefused).iter().filter(|reason| word(reason) == "expired").count();
        assert_eq!((told, cut), if is_ended { (0, 1) } else { (1, 0) });
    }
}

#[test]
fn what_servers_showed_is_told_of_before_it_ends() {
    let soon = Wish { from_s: -100 * DAY_S, until_s: 6 * DAY_S + 60, ..Wish::controller() };
    let outpost = Outpost::with(&soon, |_| {}, |_| {});
    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
    outpost.reload().unwrap();

    let first = outpost.status()["certificates"][0].clone();
    assert_eq!(
        (&first["server"], &first["what"], &first["days"]),
        (&json!("ahu-001"), &json!("server_certificate"), &json!(6))
    );
    let metrics = String::from_utf8(outpost.guard.metrics().unwrap()).unwrap();
    let line = metrics.lines().find(|line| line.contains("what=\"server_certificate\"")).unwrap();
    assert!(line.starts_with("modwarden_tls_certificate_days{server=\"ahu-001\"") && line.ends_with(" 6"), "{line}");
    let told = reasons(&outpost.rows(), Kind::TlsExpiring);
    let expected = "expires: server_certificate CN=ahu-001 in 6 days";
    assert!(told.iter().any(|reason| reason.starts_with(expected)), "{told:?}");
}

#[test]
fn a_file_that_cannot_be_used_refuses_the_reload_and_names_the_server() {
    let outpost = Outpost::set();
    outpost.files().write("own.key", b"no key");
    let Err(guard::GuardError::Credentials(said)) = outpost.reload() else { panic!("it was taken") };

    assert!(said.starts_with("tls of server ahu-001: ") && said.contains("no PEM private key"), "{said}");
    assert_eq!(outpost.hears(&READ), Some(ANSWER.to_vec()));
}

#[test]
fn many_sessions_that_open_at_once_all_reach_their_server() {
    let outpost = Outpost::set();
    let mut clients: Vec<_> = (0..32).map(|_| outpost.client()).collect();
    for client in &mut clients {
        client.0.write_all(&adu(1, 1, &READ)).unwrap();
    }

    for client in &mut clients {
        assert_eq!(client.hears(), Some((1, ANSWER.to_vec())));
    }
}
