//! Certificates that let nobody in, each with its reason.

use crate::pki::{DAY_S, Holder, Key, Site, Wish, authority, utf8};
use crate::stage::{READ, Stage, context, reasons, word};
use event::Kind;
use serde_json::json;

/// What a stage refuses `wish` for.
fn reason(wish: &Wish) -> Vec<String> {
    let stage = Stage::set();
    let holder = stage.site.issue(wish);

    assert!(stage.refuses(&holder));
    assert_eq!(stage.server.requests(), 0);
    stage.refusals()
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let stage = Stage::set();
    let joined = crate::stage::Client::connect(stage.port, &context(None, |_| {}));

    assert!(joined.is_none_or(|mut client| client.asks(1, &READ).is_none()));
    assert_eq!(stage.refusals(), ["no_certificate"]);
}

#[test]
fn a_certificate_of_another_authority_is_refused_and_the_row_names_both() {
    let stage = Stage::set();
    let stranger = Site::new().issue(&Wish::client("Engineer"));

    assert!(stage.refuses(&stranger));
    let told = reasons(&stage.rows(), Kind::TlsRefused);
    assert_eq!(told.iter().map(|reason| word(reason)).collect::<Vec<_>>(), ["unknown_ca"]);
    assert!(told[0].contains("serial") && told[0].contains("issuer CN="), "{}", told[0]);
}

#[test]
fn a_certificate_that_signed_itself_is_refused() {
    let stage = Stage::set();
    let lone = authority("hmi-1", None, 0);

    assert!(stage.refuses(&lone));
    assert_eq!(stage.refusals(), ["unknown_ca"]);
}

#[test]
fn a_chain_without_its_intermediate_is_refused() {
    let stage = Stage::set();
    let holder = Holder { chain: Vec::new(), ..stage.site.issue(&Wish::client("Engineer")) };

    assert!(stage.refuses(&holder));
    assert_eq!(stage.refusals(), ["unknown_ca"]);
}

#[test]
fn a_certificate_outside_its_dates_is_refused_and_the_row_says_what_the_clock_is_worth() {
    let expired = Wish { from_s: -2 * DAY_S, until_s: -DAY_S, ..Wish::client("Engineer") };
    let early = Wish { from_s: DAY_S, ..Wish::client("Engineer") };
    for (wish, word) in [(expired, "expired"), (early, "not_yet_valid")] {
        let stage = Stage::set();
        stage.guard.clock_synchronised(false);
        assert!(stage.refuses(&stage.site.issue(&wish)));

        let told = reasons(&stage.rows(), Kind::TlsRefused);
        assert!(told[0].starts_with(&format!("{word}: subject CN=hmi-1")), "{told:?}");
        assert!(told[0].ends_with("the guard's clock is not synchronised"), "{told:?}");
    }
}

#[test]
fn a_revoked_certificate_is_refused_even_by_a_list_that_is_out_of_date() {
    for next_s in [30 * DAY_S, -DAY_S] {
        let stage = Stage::set();
        let holder = stage.site.issue(&Wish::client("Engineer"));
        stage.files().write("lists.pem", &stage.site.lists(&[&holder.certificate], next_s));
        stage.reload().unwrap();

        assert!(stage.refuses(&holder));
        assert_eq!(stage.refusals(), ["revoked"]);
    }
}

#[test]
fn a_revoked_authority_takes_its_clients_with_it() {
    let stage = Stage::set();
    let holder = stage.site.issue(&Wish::client("Engineer"));
    let lists = Site { issuing: stage.site.root.clone(), root: stage.site.root.clone() };
    stage.files().write("lists.pem", &lists.lists(&[&stage.site.issuing.certificate], DAY_S));
    stage.reload().unwrap();

    assert!(stage.refuses(&holder));
    assert_eq!(stage.refusals(), ["revoked"]);
}

#[test]
fn a_list_signed_by_another_key_of_the_same_name_says_nothing() {
    let stage = Stage::with(|tls, _| tls["stale_crl"] = json!("refuse"));
    let holder = stage.site.issue(&Wish::client("Engineer"));
    stage.files().write("lists.pem", &Site::new().lists(&[&holder.certificate], DAY_S));
    stage.reload().unwrap();

    assert!(stage.refuses(&holder));
    assert_eq!(stage.refusals(), ["no_crl"]);
}

#[test]
fn a_list_that_is_out_of_date_is_told_of_or_refused_as_the_site_file_says() {
    for (choice, refused) in [("warn", vec![]), ("refuse", vec!["stale_crl"])] {
        let stage = Stage::with(|tls, _| tls["stale_crl"] = json!(choice));
        stage.files().write("lists.pem", &stage.site.lists(&[], -DAY_S));
        stage.reload().unwrap();
        let answer = stage.client("Engineer").and_then(|mut client| client.asks(1, &READ));

        assert_eq!(refused.is_empty(), answer.is_some());
        let rows = stage.rows();
        let tolerated = reasons(&rows, Kind::TlsTolerated);
        assert_eq!(refused.is_empty(), tolerated.iter().any(|reason| word(reason) == "stale_crl"));
        assert_eq!(reasons(&rows, Kind::TlsRefused).iter().map(|reason| word(reason)).collect::<Vec<_>>(), refused);
    }
}

#[test]
fn a_certificate_of_two_roles_is_refused() {
    assert_eq!(reason(&Wish { roles: vec![utf8("Operator"), utf8("Engineer")], ..Wish::none() }), ["two_roles"]);
}

#[test]
fn a_role_that_is_not_one_utf8_string_is_refused() {
    let printable = [&[0x13, 8][..], b"Operator"].concat();
    let trailing = [utf8("Operator"), vec![0]].concat();
    for role in [printable, trailing, b"Operator".to_vec()] {
        assert_eq!(reason(&Wish { roles: vec![role], ..Wish::none() }), ["role_ill_formed"]);
    }
}

#[test]
fn a_servers_certificate_is_no_clients() {
    assert_eq!(reason(&Wish { is_server: true, ..Wish::client("Engineer") }), ["wrong_purpose"]);
}

#[test]
fn an_rsa_key_of_1024_bits_is_refused() {
    assert_eq!(reason(&Wish { key: Key::Rsa1024, ..Wish::client("Engineer") }), ["weak_key"]);
}

#[test]
fn an_rsa_key_of_2048_bits_is_good_enough() {
    let stage = Stage::set();
    let answer = stage.joins_as(&Wish { key: Key::Rsa2048, ..Wish::client("Operator") }).unwrap().asks(1, &READ);

    assert_eq!(answer, Some((1, vec![3, 4, 0, 0, 0, 1])));
}
