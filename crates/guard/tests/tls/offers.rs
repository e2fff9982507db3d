//! Versions, suites and extensions: what is spoken, and what is not.

use crate::pki::{Key, Wish};
use crate::stage::{Client, READ, Stage, context};
use event::Kind;
use openssl::ssl::{SslMode, SslOptions, SslVersion};
use serde_json::json;

const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];

fn only(stage: &Stage, version: SslVersion, suite: &str) -> Option<Client> {
    let holder = stage.site.issue(&Wish::client("Operator"));
    let context = context(Some(&holder), |context| {
        context.set_min_proto_version(Some(version)).unwrap();
        context.set_max_proto_version(Some(version)).unwrap();
        if !suite.is_empty() {
            context.set_cipher_list(&format!("{suite}:@SECLEVEL=0")).unwrap();
        }
    });
    Client::connect(stage.port, &context)
}

#[test]
fn tls_1_0_and_1_1_are_not_spoken() {
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let stage = Stage::set();
        assert!(only(&stage, version, "").is_none());
        assert_eq!(stage.refusals(), ["version"]);
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_unless_the_site_file_names_one() {
    let stage = Stage::set();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut client = only(&stage, version, "").unwrap();
        assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
        assert_eq!(client.0.ssl().version2(), Some(version));
    }

    let stage = Stage::with(|tls, _| {
        tls["versions"] = json!(["1.3"]);
        tls["suites"] = json!(["TLS_AES_128_GCM_SHA256"]);
    });
    assert!(only(&stage, SslVersion::TLS1_2, "").is_none());
    assert_eq!(stage.refusals(), ["version"]);
}

#[test]
fn a_client_that_was_made_to_fall_back_is_told_so() {
    let stage = Stage::set();
    let holder = stage.site.issue(&Wish::client("Operator"));
    let context = context(Some(&holder), |context| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_mode(SslMode::SEND_FALLBACK_SCSV);
    });

    assert!(Client::connect(stage.port, &context).is_none());
    assert_eq!(stage.refusals(), ["downgrade"]);
}

#[test]
fn a_suite_that_the_site_file_does_not_name_is_not_spoken() {
    let stage = Stage::set();
    assert!(only(&stage, SslVersion::TLS1_2, "ECDHE-ECDSA-AES256-SHA").is_none());
    assert_eq!(stage.refusals(), ["no_shared_suite"]);
}

#[test]
fn authentication_without_encryption_is_off_and_by_name_only() {
    let stage = Stage::set();
    assert!(only(&stage, SslVersion::TLS1_2, "NULL-SHA256").is_none());
    assert_eq!(stage.refusals(), ["no_shared_suite"]);

    let mut stage = Stage::set();
    let own = stage.site.issue(&Wish { key: Key::Rsa2048, ..Wish::server() });
    stage.files().write_own(&stage.site, &own);
    stage.document["conduits"][0]["tls"]["suites"].as_array_mut().unwrap().push(json!("TLS_RSA_WITH_NULL_SHA256"));
    stage.reload().unwrap();
    let mut client = only(&stage, SslVersion::TLS1_2, "NULL-SHA256").unwrap();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
    assert_eq!(client.0.ssl().current_cipher().unwrap().name(), "NULL-SHA256");
}

#[test]
fn weak_keys_stay_refused_where_authentication_without_encryption_is_named() {
    let mut stage = Stage::set();
    let own = stage.site.issue(&Wish { key: Key::Rsa2048, ..Wish::server() });
    stage.files().write_own(&stage.site, &own);
    stage.document["conduits"][0]["tls"]["suites"].as_array_mut().unwrap().push(json!("TLS_RSA_WITH_NULL_SHA256"));
    stage.reload().unwrap();

    assert!(stage.refuses(&stage.site.issue(&Wish { key: Key::Rsa1024, ..Wish::client("Operator") })));
    assert_eq!(stage.refusals(), ["weak_key"]);
}

#[test]
fn the_guards_preference_among_suites_decides() {
    let stage = Stage::with(|tls, _| {
        tls["versions"] = json!(["1.2"]);
        tls["suites"] = json!(["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]);
    });
    let suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384";
    let client = only(&stage, SslVersion::TLS1_2, suites).unwrap();

    assert_eq!(client.0.ssl().current_cipher().unwrap().name(), "ECDHE-ECDSA-AES256-GCM-SHA384");
}

#[test]
fn nothing_is_compressed_and_secure_renegotiation_is_offered() {
    let stage = Stage::set();
    let client = only(&stage, SslVersion::TLS1_2, "").unwrap();

    assert_eq!(client.0.ssl().extms_support(), Some(true));
    assert_eq!(client.0.ssl().ssl_context().max_early_data(), 0);
    let holder = stage.site.issue(&Wish::client("Operator"));
    // Without the option a client of OpenSSL 3 goes on only with a server that offers RFC 5746.
    let strict = context(Some(&holder), |context| {
        context.clear_options(SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    });
    assert!(Client::connect(stage.port, &strict).unwrap().asks(1, &READ).is_some());
    assert!(stage.rows().iter().all(|row| row.kind != Kind::TlsRefused));
}

#[test]
fn rsa_as_key_exchange_is_off_and_by_name_only() {
    let stage = Stage::set();
    assert!(only(&stage, SslVersion::TLS1_2, "AES128-GCM-SHA256").is_none());
    assert_eq!(stage.refusals(), ["no_shared_suite"]);

    let mut stage = Stage::set();
    stage.files().write_own(&stage.site, &stage.site.issue(&Wish { key: Key::Rsa2048, ..Wish::server() }));
    let suites = stage.document["conduits"][0]["tls"]["suites"].as_array_mut().unwrap();
    suites.push(json!("TLS_RSA_WITH_AES_128_GCM_SHA256"));
    stage.reload().unwrap();
    let mut client = only(&stage, SslVersion::TLS1_2, "AES128-GCM-SHA256").unwrap();
    assert_eq!(client.asks(1, &READ), Some((1, ANSWER.to_vec())));
}
