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
use openssl::ssl::SslVersion;
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const APPLICATION: u8 = 23;
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
    });
    Client::connect(stage.port, &context).unwrap()
}

#[test]
fn requests_between_empty_records_are_answered() {
    let (stage, holder) = stage();
    let mut client = readable(&stage, &holder);
    eprintln!(
        "ems {:?} cipher {:?} ver {:?}",
        client.0.ssl().extms_support(),
        client.0.ssl().current_cipher().map(|c| c.name()),
        client.0.ssl().version2()
    );
    let (mut a, mut b) = ([0u8; 48], [0u8; 48]);
    eprintln!(
        "mk {} {}",
        client.0.ssl().session().unwrap().master_key(&mut a),
        client.0.ssl().session().unwrap().master_key(&mut b)
    );
    // The handshake's last message was the client's record 0.
    let (key, request) = (write_key(&client), crate::harness::adu(7, 1, &READ));
    let sent: Vec<u8> = (1..=0).flat_map(|number| record(&key, number, &[])).collect();
    client.0.get_mut().write_all(&[sent, record(&key, 1, &request)].concat()).unwrap();

    let heard = client.hears();
    eprintln!("{heard:?}");
    assert_eq!(heard, Some((7, vec![3, 4, 0, 0, 0, 1])));
}

#[test]
fn a_flood_of_empty_records_ends_its_own_connection_only() {
    let (stage, holder) = stage();
    let mut honest = stage.client("Operator").unwrap();
    let mut flooding = readable(&stage, &holder);
    let key = write_key(&flooding);
    let flood = std::thread::spawn(move || {
        let mut number = 1;
        while number < 200_000 {
            let sent: Vec<u8> = (number..number + 500).flat_map(|number| record(&key, number, &[])).collect();
            number += 500;
            if flooding.0.get_mut().write_all(&sent).is_err() {
                break;
            }
        }
        number
    });
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        let began = Instant::now();
        assert_eq!(honest.asks(1, &READ), Some((1, vec![3, 4, 0, 0, 0, 1])));
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }

    assert!(flood.join().unwrap() < 200_000);
    assert!(crate::stage::reasons(&stage.rows(), Kind::SessionClosed).contains(&"tls_broken".to_owned()));
}
