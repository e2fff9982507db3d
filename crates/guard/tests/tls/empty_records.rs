//! A flood of records that carry nothing: it costs the client that sends it, and nobody else.
//!
//! OpenSSL sends none, so that they are made here: authentication without encryption lets a client do that with the
//! secrets of its own connection (RFC 5246 §6.2.3.1, §6.3).

use crate::pki::{Holder, Key, Wish};
use crate::stage::{Client, READ, Stage, context};
use event::Kind;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::ssl::{SslOptions, SslVersion};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

const APPLICATION: u8 = 23;
/// <openssl/ssl.h>, which the bindings do not name: with RFC 7366 OpenSSL takes no empty record at all.
const MAC_THEN_ENCRYPT: u64 = 1 << 19;
/// OpenSSL takes so many in a row.
const IN_A_ROW: u64 = 32;
const KEY_BYTES: usize = 32;

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    parts.iter().for_each(|part| signer.update(part).unwrap());
    signer.sign_to_vec().unwrap()
}

/// RFC 5246 §5 and §6.3: the client's key for its records.
fn write_key(client: &Client) -> Vec<u8> {
    let ssl = client.0.ssl();
    let (mut master, mut ours, mut theirs) = ([0; 48], [0; 32], [0; 32]);
    ssl.session().unwrap().master_key(&mut master);
    ssl.client_random(&mut ours);
    ssl.server_random(&mut theirs);
    let seed = [&b"key expansion"[..], &theirs, &ours].concat();
    let first = hmac(&master, &[&seed]);
    hmac(&master, &[&first, &seed])[..KEY_BYTES].to_vec()
}

fn record(key: &[u8], number: u64, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let code = hmac(key, &[&number.to_be_bytes(), &[APPLICATION, 3, 3], &length, content]);
    let whole = u16::try_from(content.len() + code.len()).unwrap().to_be_bytes();
    [&[APPLICATION, 3, 3][..], &whole, content, &code].concat()
}

fn stage() -> (Stage, Holder) {
    let mut stage = Stage::set();
    let own = stage.site.issue(&Wish { key: Key::Rsa2048, ..Wish::server() });
    stage.files().write_own(&stage.site, &own);
    stage.document["conduits"][0]["tls"]["suites"].as_array_mut().unwrap().push(json!("TLS_RSA_WITH_NULL_SHA256"));
    stage.reload().unwrap();
    let holder = stage.site.issue(&Wish::client("Operator"));
    (stage, holder)
}

fn readable(stage: &Stage, holder: &Holder) -> Client {
    let context = context(Some(holder), |context| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_cipher_list("NULL-SHA256:@SECLEVEL=0").unwrap();
        context.set_options(SslOptions::from_bits_retain(MAC_THEN_ENCRYPT));
    });
    Client::connect(stage.port, &context).unwrap()
}

/// Empty records, then one that carries something; and the number of the next.
fn padded(key: &[u8], first: u64, content: &[u8]) -> (Vec<u8>, u64) {
    let empty = (first..first + IN_A_ROW).flat_map(|number| record(key, number, &[]));
    (empty.chain(record(key, first + IN_A_ROW, content)).collect(), first + IN_A_ROW + 1)
}

#[test]
fn requests_between_empty_records_are_answered() {
    let (stage, holder) = stage();
    let mut client = readable(&stage, &holder);
    // The handshake's last message was the client's record 0.
    let (sent, _) = padded(&write_key(&client), 1, &crate::harness::adu(7, 1, &READ));
    client.0.get_mut().write_all(&sent).unwrap();

    assert_eq!(client.hears(), Some((7, vec![3, 4, 0, 0, 0, 1])));
}

#[test]
fn one_empty_record_too_many_ends_the_connection() {
    let (stage, holder) = stage();
    let mut client = readable(&stage, &holder);
    let key = write_key(&client);
    let sent: Vec<u8> = (1..=IN_A_ROW + 1).flat_map(|number| record(&key, number, &[])).collect();
    client.0.get_mut().write_all(&sent).unwrap();

    assert!(client.is_ended());
    assert!(crate::stage::reasons(&stage.rows(), Kind::SessionClosed).contains(&"tls_broken".to_owned()));
}

#[test]
fn a_flood_of_empty_records_keeps_nobody_else_waiting() {
    let (stage, holder) = stage();
    let mut honest = stage.client("Operator").unwrap();
    let mut flooding = readable(&stage, &holder);
    let (key, over) = (write_key(&flooding), Instant::now() + Duration::from_secs(1));
    let request = crate::harness::adu(1, 1, &READ);
    let flood = std::thread::spawn(move || {
        let mut next = 1;
        while Instant::now() < over {
            let (sent, after) = padded(&key, next, &request);
            next = after;
            if flooding.0.get_mut().write_all(&sent).is_err() {
                break;
            }
            // Its answers are taken, or it would only stuff itself.
            let _ = flooding.0.get_mut().read(&mut [0; 4096]);
        }
    });
    while Instant::now() < over {
        let began = Instant::now();
        assert_eq!(honest.asks(1, &READ), Some((1, vec![3, 4, 0, 0, 0, 1])));
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
    flood.join().unwrap();
}
