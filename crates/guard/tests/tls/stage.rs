//! A guard with TLS on one listener, its files in a folder, and clients with certificates.

use crate::harness::{self, Server, adu, at, free_port, receive_adu_from};
use crate::pki::{DAY_S, Holder, Site, Wish};
use event::{Event, Kind};
use guard::Guard;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const READ: [u8; 5] = [3, 0, 0, 0, 2];
pub const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What is true of most tests: operators may read, engineers write as well.
pub struct Stage {
    pub site: Site,
    pub server: Server,
    pub port: u16,
    pub guard: Guard,
    pub document: Value,
    directory: TempDir,
}

impl Stage {
    pub fn set() -> Self {
        Self::with(|_, _| {})
    }

    /// As [`Self::set`], where the conduit's part of TLS is changed first.
    pub fn with(change: impl FnOnce(&mut Value, &Files<'_>)) -> Self {
        let (site, server, port, directory) = (Site::new(), Server::start(), free_port(), TempDir::new().unwrap());
        let files = Files(directory.path());
        files.write_own(&site, &site.issue(&Wish::server()));
        files.write("lists.pem", &site.lists(&[], 30 * DAY_S));
        let mut document = document(port, &server, &files);
        change(&mut document["conduits"][0]["tls"], &files);
        let guard = harness::guard(&document, directory.path());
        Self { site, server, port, guard, document, directory }
    }

    pub fn files(&self) -> Files<'_> {
        Files(self.directory.path())
    }

    pub fn reload(&self) -> Result<String, guard::GuardError> {
        self.guard.reload(self.document.to_string().as_bytes())
    }

    /// A client with a certificate of the site that carries this role.
    pub fn client(&self, role: &str) -> Option<Client> {
        self.joins(&self.site.issue(&Wish::client(role)))
    }

    pub fn joins(&self, holder: &Holder) -> Option<Client> {
        Client::connect(self.port, &context(Some(holder), |_| {}))
    }

    pub fn joins_as(&self, wish: &Wish) -> Option<Client> {
        self.joins(&self.site.issue(wish))
    }

    /// Whether a client gets nothing: neither a handshake nor an answer.
    pub fn refuses(&self, holder: &Holder) -> bool {
        self.joins(holder).is_none_or(|mut client| client.asks(1, &READ).is_none())
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.guard.status().unwrap()).unwrap()
    }

    /// End the guard, and read what it recorded.
    pub fn rows(&self) -> Vec<Event> {
        self.guard.stop().unwrap();
        journal::read(&self.directory.path().join("journal")).unwrap()
    }

    /// Why connections were refused, in order; only the words.
    pub fn refusals(&self) -> Vec<String> {
        reasons(&self.rows(), Kind::TlsRefused).iter().map(|reason| word(reason).to_owned()).collect()
    }
}

/// The files of a guard, in one folder.
pub struct Files<'a>(pub &'a Path);

impl Files<'_> {
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn write_own(&self, site: &Site, own: &Holder) {
        let chain = [own.certificate.to_pem().unwrap(), own.chain[0].to_pem().unwrap()].concat();
        self.write("own.pem", &chain);
        self.write("own.key", &own.key.private_key_to_pem_pkcs8().unwrap());
        self.write("roots.pem", &site.roots());
    }
}

fn document(port: u16, server: &Server, files: &Files<'_>) -> Value {
    let mut document = harness::document(port, server.address, "enforce", false);
    let conduit = &mut document["conduits"][0];
    conduit["rules"] = json!([
        {"name": "operators", "kind": "permit", "functions": ["read"], "roles": ["Operator", "Engineer"],
         "ranges": [["holding_register", 0, 99]]},
        {"name": "engineers", "kind": "permit", "functions": ["write"], "roles": ["Engineer"],
         "clients": ["127.0.0.1/32"], "ranges": [["holding_register", 0, 99]]},
    ]);
    conduit["tls"] = json!({
        "certificate": files.path("own.pem"), "key": files.path("own.key"),
        "trust": [files.path("roots.pem")], "crls": [files.path("lists.pem")],
        "versions": ["1.2", "1.3"],
        "suites": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                   "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        "stale_crl": "warn", "expired": "warn",
    });
    document
}

/// A client's side of TLS; it believes any server.
pub fn context(holder: Option<&Holder>, change: impl FnOnce(&mut SslContextBuilder)) -> SslContext {
    let mut context = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    // What is too weak for a client of today is still the guard's to refuse.
    context.set_security_level(0);
    if let Some(holder) = holder {
        context.set_certificate(&holder.certificate).unwrap();
        context.set_private_key(&holder.key).unwrap();
        for issuer in &holder.chain {
            context.add_extra_chain_cert(issuer.clone()).unwrap();
        }
    }
    change(&mut context);
    context.build()
}

pub struct Client(pub SslStream<TcpStream>);

impl Client {
    pub fn connect(port: u16, context: &SslContext) -> Option<Self> {
        Ssl::new(context).unwrap().connect(tcp(port)).ok().map(Self)
    }

    pub fn asks(&mut self, transaction_id: u16, pdu: &[u8]) -> Option<(u16, Vec<u8>)> {
        self.0.write_all(&adu(transaction_id, 1, pdu)).ok()?;
        self.hears()
    }

    pub fn hears(&mut self) -> Option<(u16, Vec<u8>)> {
        let (header, pdu) = receive_adu_from(&mut self.0)?;
        Some((u16::from_be_bytes([header[0], header[1]]), pdu))
    }

    /// Whether the guard ends the connection, however.
    pub fn is_ended(&mut self) -> bool {
        !matches!(self.0.read(&mut [0; 64]), Ok(1..))
    }
}

pub fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(at(port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn reasons(rows: &[Event], kind: Kind) -> Vec<String> {
    let of_kind = rows.iter().filter(|row| row.kind == kind);
    of_kind.filter_map(|row| row.reason.as_deref().map(str::to_owned)).collect()
}

pub fn word(reason: &str) -> &str {
    reason.split(':').next().unwrap_or_default()
}
