//! What of TLS no peer can bring about from outside: a panic in a handshake, an identity that is lost, bytes that
//! OpenSSL holds and that are taken back.

use super::gate::Gate;
use super::judge::When;
use super::material::Material;
use super::panics::{break_dial, break_handshake};
use super::refusal::Reason;
use super::shelf::Shelf;
use super::stream::TlsStream;
use crate::Guard;
use crate::socket::{Flushed, Readiness};
use crate::wire::Wire;
use event::Kind;
use ffi::Dialer;
use openssl::ssl::{Ssl, SslContextBuilder, SslMethod, SslStream, SslVerifyMode, SslVersion};
use policy::document::Tls;
use serde_json::{Value, json};
use session::OutBuffer;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[path = "../../tests/tls/pki.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]
pub(super) mod pki;

use crate::data_loop::harness::{self, Server, at, document, free_port};
use pki::{DAY_S, Holder, Site, Wish};

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const ANSWER: [u8; 6] = [3, 4, 0, 0, 0, 1];
/// One handshake is to go wrong, and not another test's.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_files(site: &Site, own: &Holder, folder: &Path) -> Value {
    let file = |name: &str| folder.join(name);
    let chain = [own.certificate.to_pem().unwrap(), own.chain[0].to_pem().unwrap()].concat();
    std::fs::write(file("own.pem"), chain).unwrap();
    std::fs::write(file("own.key"), own.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    std::fs::write(file("roots.pem"), site.roots()).unwrap();
    std::fs::write(file("lists.pem"), site.lists(&[], 30 * DAY_S)).unwrap();
    json!({
        "certificate": file("own.pem"), "key": file("own.key"), "trust": [file("roots.pem")],
        "crls": [file("lists.pem")], "versions": ["1.2", "1.3"],
        "suites": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
        "stale_crl": "warn", "expired": "warn",
    })
}

fn client_of(holder: &Holder) -> SslContextBuilder {
    let mut context = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    context.set_certificate(&holder.certificate).unwrap();
    context.set_private_key(&holder.key).unwrap();
    for issuer in &holder.chain {
        context.add_extra_chain_cert(issuer.clone()).unwrap();
    }
    context
}

fn joins(port: u16, holder: &Holder) -> Option<SslStream<TcpStream>> {
    let stream = TcpStream::connect(at(port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    Ssl::new(&client_of(holder).build()).unwrap().connect(stream).ok()
}

fn answers(stream: &mut SslStream<TcpStream>) -> Option<Vec<u8>> {
    stream.write_all(&harness::adu(1, 1, &READ)).ok()?;
    harness::receive_adu_from(stream).map(|(_, pdu)| pdu)
}

fn reasons(guard: &Guard, folder: &Path, kind: Kind) -> Vec<String> {
    guard.stop().unwrap();
    let rows = journal::read(&folder.join("journal")).unwrap();
    rows.iter().filter(|row| row.kind == kind).filter_map(|row| row.reason.as_deref().map(str::to_owned)).collect()
}

#[test]
fn a_panic_in_a_handshake_refuses_that_client_and_no_other() {
    let _alone = alone();
    let (site, server, port, folder) = (Site::new(), Server::start(), free_port(), tempfile::tempdir().unwrap());
    let mut document = document(port, server.address, "enforce", true);
    document["conduits"][0]["tls"] = write_files(&site, &site.issue(&Wish::server()), folder.path());
    let guard = harness::guard(&document, folder.path());
    let holder = site.issue(&Wish::client("Operator"));
    let mut honest = joins(port, &holder).unwrap();
    assert_eq!(answers(&mut honest), Some(ANSWER.to_vec()));

    break_handshake();
    assert!(joins(port, &holder).is_none());

    assert_eq!(answers(&mut honest), Some(ANSWER.to_vec()));
    assert_eq!(answers(&mut joins(port, &holder).unwrap()), Some(ANSWER.to_vec()));
    assert_eq!(reasons(&guard, folder.path(), Kind::TlsRefused), ["internal_error"]);
}

#[test]
fn a_panic_in_a_handshake_with_a_server_is_a_server_that_cannot_be_reached() {
    let _alone = alone();
    let (site, port, folder) = (Site::new(), free_port(), tempfile::tempdir().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut document = document(port, listener.local_addr().unwrap(), "enforce", true);
    let tls = write_files(&site, &site.issue(&Wish::client("Gateway")), folder.path());
    document["servers"][0]["tls"] = json!({"tls": tls, "name": "127.0.0.1", "one_sided": "refuse"});
    let guard = harness::guard(&document, folder.path());

    break_dial();
    assert_eq!(harness::Client::connect(at(port)).asks(1, &READ), None);

    assert!(guard.is_alive());
    assert_eq!(reasons(&guard, folder.path(), Kind::TlsServerRefused), ["internal_error"]);
}

/// A resumed session at a gate, as its server sees it.
fn resumed(gate: &Gate, site: &Site) -> SslStream<TcpStream> {
    let mut context = client_of(&site.issue(&Wish::client("Engineer")));
    context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    let dialer = Dialer::new(context, None).unwrap();
    let mut last = None;
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ssl = dialer.dial().unwrap();
        let client = std::thread::spawn(move || {
            let mut stream = ssl.connect(TcpStream::connect(address).unwrap()).unwrap();
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
            let _ = stream.shutdown();
        });
        let mut ssl = Ssl::new(&gate.context).unwrap();
        ssl.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        let mut stream = ssl.accept(listener.accept().unwrap().0).unwrap();
        stream.shutdown().unwrap();
        client.join().unwrap();
        last = Some(stream);
    }
    last.unwrap()
}

#[test]
fn a_resumed_session_whose_chain_is_not_known_any_more_is_told_apart_from_one_without_a_role() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let tls = write_files(&site, &site.issue(&Wish::server()), folder.path());
    let tls: Tls = serde_json::from_value(tls).unwrap();
    let material = Material::load(&tls).unwrap();
    let mut gate = Gate::open("hvac", (&tls, material), &Arc::default()).unwrap();
    let stream = resumed(&gate, &site);
    assert!(stream.ssl().session_reused());
    gate.shelf = Shelf::default();
    let when = When { unix_s: 1_800_000_000, is_synchronised: true };

    let refused = gate.recall(stream.ssl(), when).err().unwrap();
    assert_eq!(refused.reason, Reason::IdentityLost);
    assert_eq!(refused.told(), "identity_lost: the resumed session's chain is not known here");
}

/// A TLS connection whose peer reads only when told to, until OpenSSL holds a record that the wire does not take.
fn stuffed(site: &Site) -> (TlsStream, SslStream<TcpStream>, usize) {
    let mut server = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
    let holder = site.issue(&Wish::controller());
    server.set_certificate(&holder.certificate).unwrap();
    server.set_private_key(&holder.key).unwrap();
    let (server, listener) = (server.build(), TcpListener::bind("127.0.0.1:0").unwrap());
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    let accepted = listener.accept().unwrap().0;
    let far = std::thread::spawn(move || Ssl::new(&server).unwrap().accept(accepted).unwrap());
    let mut context = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    context.set_mode(openssl::ssl::SslMode::ENABLE_PARTIAL_WRITE | openssl::ssl::SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    let wire = Wire::new(mio::net::TcpStream::from_std(client));
    let mut near = TlsStream::over(Ssl::new(&context.build()).unwrap(), wire).unwrap();
    loop {
        near.ready(Readiness { readable: true, writable: true, ending: false });
        match near.connect() {
            Ok(()) => break,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    let (far, block, mut sent) = (far.join().unwrap(), [7; 4096], 0);
    while let Some(written) = near.write(&block) {
        sent += written.unwrap();
    }
    (near, far, sent)
}

#[test]
fn what_openssl_holds_leaves_when_there_is_room_and_once() {
    let (mut near, mut far, sent) = stuffed(&Site::new());
    let reader = std::thread::spawn(move || {
        let (mut bytes, mut count) = ([0; 4096], 0);
        while count < sent + 4096 {
            count += far.read(&mut bytes).unwrap();
        }
        count
    });
    let left = loop {
        near.ready(Readiness::WRITABLE);
        match near.write(&[7; 4096]) {
            Some(written) => break written.unwrap(),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };

    assert_eq!((left, reader.join().unwrap()), (4096, sent + 4096));
}

#[test]
fn what_openssl_holds_and_was_taken_back_ends_with_the_connection_and_never_leaves() {
    let (mut near, mut far, sent) = stuffed(&Site::new());
    near.ready(Readiness::WRITABLE);
    assert_eq!(near.flush(&mut OutBuffer::default()), Flushed::Failed);
    crate::socket::Socket::dialed(Box::new(near)).reset();

    let (mut bytes, mut count) = ([0; 4096], 0);
    while let Ok(read @ 1..) = far.read(&mut bytes) {
        count += read;
    }
    assert!(count <= sent, "{count} of {sent}");
}
