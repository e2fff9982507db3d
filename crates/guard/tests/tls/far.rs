//! Modbus servers under TLS, as good or as bad as a test wants them, and a guard in front of one.

use crate::harness::{self, Client, adu, at, free_port, receive_adu_from};
use crate::pki::{DAY_S, Holder, Site, Wish};
use crate::stage::{Files, PATIENCE};
use event::{Event, Kind};
use guard::Guard;
use openssl::ssl::{Ssl, SslContextBuilder, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What became of a server.
#[derive(Default)]
pub struct Counts {
    pub accepted: AtomicUsize,
    pub joined: AtomicUsize,
    pub resumed: AtomicUsize,
    pub requests: AtomicUsize,
    pub writes: AtomicUsize,
    /// Connections that ended.
    pub ended: AtomicUsize,
    /// OpenSSL's name of the last suite that was agreed on.
    pub suite: Mutex<String>,
}

/// A server that answers what it reads with its addresses, and writes with an echo.
pub struct Far {
    pub address: SocketAddr,
    pub counts: Arc<Counts>,
}

/// How a server behaves.
pub type Change = fn(&mut SslContextBuilder);

impl Far {
    /// One that asks for certificates of its site.
    pub fn start(site: &Site, holder: &Holder, change: Change) -> Self {
        let mut context = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
        context.set_security_level(0);
        context.set_certificate(&holder.certificate).unwrap();
        context.set_private_key(&holder.key).unwrap();
        for issuer in &holder.chain {
            context.add_extra_chain_cert(issuer.clone()).unwrap();
        }
        let mut roots = X509StoreBuilder::new().unwrap();
        roots.add_cert(site.root.certificate.clone()).unwrap();
        context.set_verify_cert_store(roots.build()).unwrap();
        context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        context.set_session_id_context(b"far").unwrap();
        change(&mut context);
        let context = context.build();
        Self::serving(move |stream, counts| {
            let Ok(mut stream) = Ssl::new(&context).unwrap().accept(stream) else { return };
            counts.joined.fetch_add(1, Ordering::SeqCst);
            counts.resumed.fetch_add(usize::from(stream.ssl().session_reused()), Ordering::SeqCst);
            *counts.suite.lock().unwrap() = stream.ssl().current_cipher().unwrap().name().to_owned();
            serve(&mut stream, counts);
        })
    }

    /// One that does anything with a connection.
    pub fn serving(work: impl Fn(TcpStream, &Counts) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(at(0)).unwrap();
        let (address, counts, work) = (listener.local_addr().unwrap(), Arc::<Counts>::default(), Arc::new(work));
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counts, work) = (Arc::clone(&shared), Arc::clone(&work));
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    work(stream, &counts);
                    counts.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, counts }
    }

    pub fn count(&self, of: impl Fn(&Counts) -> &AtomicUsize) -> usize {
        of(&self.counts).load(Ordering::SeqCst)
    }
}

fn serve(stream: &mut SslStream<TcpStream>, counts: &Counts) {
    while let Some((header, pdu)) = receive_adu_from(stream) {
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let reply = match pdu[0] {
            3 => [vec![3, pdu[4] * 2], (0..pdu[4]).flat_map(|index| [0, index]).collect()].concat(),
            6 => {
                counts.writes.fetch_add(1, Ordering::SeqCst);
                // A device that is deaf to one value.
                if pdu[3..5] == DEAF_TO {
                    continue;
                }
                pdu[..5].to_vec()
            }
            code => vec![code | 0x80, 1],
        };
        if stream.write_all(&adu(u16::from_be_bytes([header[0], header[1]]), header[6], &reply)).is_err() {
            return;
        }
    }
}

/// Written, it is not answered.
pub const DEAF_TO: [u8; 2] = [0xDE, 0xAF];

/// A guard that is in the clear towards clients, and speaks TLS towards one server.
pub struct Outpost {
    pub site: Site,
    pub far: Far,
    pub port: u16,
    pub guard: Guard,
    pub document: Value,
    directory: TempDir,
}

impl Outpost {
    pub fn set() -> Self {
        Self::with(&Wish::controller(), |_| {}, |_| {})
    }

    /// A server with this certificate and manner, and a document that is changed first.
    pub fn with(wish: &Wish, manner: Change, change: impl FnOnce(&mut Value)) -> Self {
        let site = Site::new();
        let far = Far::start(&site, &site.issue(wish), manner);
        Self::before(site, far, change)
    }

    pub fn before(site: Site, far: Far, change: impl FnOnce(&mut Value)) -> Self {
        Self::believing(site, far, |_, _| {}, change)
    }

    /// As the others, with files that are changed before the guard reads them.
    pub fn believing(
        site: Site,
        far: Far,
        prepare: impl FnOnce(&Site, &Files<'_>),
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let (port, directory) = (free_port(), TempDir::new().unwrap());
        let files = Files(directory.path());
        files.write_own(&site, &site.issue(&Wish { name: "gate-1", ..Wish::client("Gateway") }));
        files.write("lists.pem", &site.lists(&[], 30 * DAY_S));
        prepare(&site, &files);
        let mut document = harness::document(port, far.address, "enforce", true);
        document["servers"][0]["tls"] = towards(&files);
        change(&mut document);
        let guard = harness::guard(&document, directory.path());
        Self { site, far, port, guard, document, directory }
    }

    pub fn files(&self) -> Files<'_> {
        Files(self.directory.path())
    }

    pub fn client(&self) -> Client {
        Client::connect(at(self.port))
    }

    /// What a client hears: nothing where it is reset.
    pub fn hears(&self, pdu: &[u8]) -> Option<Vec<u8>> {
        self.client().asks(1, pdu).map(|(_, answer)| answer)
    }

    pub fn reload(&self) -> Result<String, guard::GuardError> {
        self.guard.reload(self.document.to_string().as_bytes())
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.guard.status().unwrap()).unwrap()
    }

    /// End the guard, and read what it recorded.
    pub fn rows(&self) -> Vec<Event> {
        self.guard.stop().unwrap();
        journal::read(&self.directory.path().join("journal")).unwrap()
    }

    /// Why the server was refused, whole, in order.
    pub fn told(&self) -> Vec<String> {
        crate::stage::reasons(&self.rows(), Kind::TlsServerRefused)
    }
}

/// What a guard's document says of TLS towards the server at 127.0.0.1.
pub fn towards(files: &Files<'_>) -> Value {
    json!({
        "tls": {
            "certificate": files.path("own.pem"), "key": files.path("own.key"),
            "trust": [files.path("roots.pem")], "crls": [files.path("lists.pem")],
            "versions": ["1.2", "1.3"],
            "suites": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                       "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
            "stale_crl": "warn", "expired": "warn",
        },
        "name": "127.0.0.1", "max_fragment": null, "one_sided": "refuse",
    })
}

/// A line that all sessions share.
pub fn shared(document: &mut Value) {
    document["servers"][0]["line"] = json!({"framing": "mbap", "pipeline": 1, "pause_ms": 0, "lifetime_ms": 0,
        "turnaround_ms": 100, "window_ms": 0, "read_retries": 0, "echo": false, "client_share": 100});
}

/// Wait for something.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
