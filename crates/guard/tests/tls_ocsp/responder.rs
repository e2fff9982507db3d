//! Responders: OpenSSL's own, and one that says what a test wants it to.

use crate::pki::{Holder, Site};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::{X509, X509Ref};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub const HOUR_S: i64 = 3_600;

/// `openssl ocsp` over an index of what was issued.
pub struct OpenSsl {
    pub port: u16,
    child: Child,
    directory: TempDir,
}

impl OpenSsl {
    /// It signs with the issuing authority's own key, or with that of somebody whom that appointed.
    pub fn start(site: &Site, signer: &Holder, index: &[(&X509, bool)]) -> Self {
        let directory = TempDir::new().unwrap();
        let file = |name: &str| directory.path().join(name);
        std::fs::write(file("ca.pem"), site.issuing.certificate.to_pem().unwrap()).unwrap();
        std::fs::write(file("signer.pem"), signer.certificate.to_pem().unwrap()).unwrap();
        std::fs::write(file("signer.key"), signer.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        std::fs::write(file("index.txt"), spell(index)).unwrap();
        // Where a test is ended from outside nobody would end it.
        let mut child = Command::new("timeout")
            .args(["120", "openssl", "ocsp", "-port", "0", "-ndays", "1", "-ignore_err"])
            .args(["-index", "index.txt", "-CA", "ca.pem", "-rsigner", "signer.pem", "-rkey", "signer.key"])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        // `ACCEPT [::]:36657 PID=1349`
        let port = said.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned));
        let port = port.and_then(|said| said.split(' ').next()?.rsplit_once(':')?.1.parse().ok());
        std::thread::spawn(move || said.for_each(drop));
        Self { port: port.unwrap(), child, directory }
    }

    /// It reads its index again when the file is another.
    pub fn knows(&self, index: &[(&X509, bool)]) {
        let fresh = self.directory.path().join("index.new");
        std::fs::write(&fresh, spell(index)).unwrap();
        std::fs::rename(fresh, self.directory.path().join("index.txt")).unwrap();
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // `timeout` passes it on.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A file as `openssl ca` keeps it: each certificate, and whether it is revoked.
fn spell(index: &[(&X509, bool)]) -> String {
    let line = |(certificate, is_revoked): &(&X509, bool)| {
        let serial = certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string();
        match is_revoked {
            true => format!("R\t301231235959Z\t260101000000Z\t{serial}\tunknown\t/CN={serial}\n"),
            false => format!("V\t301231235959Z\t\t{serial}\tunknown\t/CN={serial}\n"),
        }
    };
    index.iter().map(line).collect()
}

/// What a responder does with a question, which it is given as the certificate's id in DER.
pub type Manner = Box<dyn Fn(&[u8], &mut TcpStream) + Send>;

/// A responder that does anything.
pub struct Responder {
    pub port: u16,
    questions: Arc<AtomicUsize>,
    manner: Arc<Mutex<Manner>>,
}

impl Responder {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, questions) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let manner = Arc::new(Mutex::new(manner));
        let (counts, does) = (Arc::clone(&questions), Arc::clone(&manner));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if let Some(question) = question(&mut stream) {
                    counts.fetch_add(1, Ordering::SeqCst);
                    does.lock().unwrap()(&question, &mut stream);
                }
            }
        });
        Self { port, questions, manner }
    }

    pub fn does(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

/// The id of the certificate that a request names: it begins behind four headers of two bytes.
fn question(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut received, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(body) = head.map(|at| &received[at + 4..]).filter(|body| body.len() > 8) {
            assert!(received.starts_with(b"POST /"), "{}", String::from_utf8_lossy(&received));
            return Some(body[8..].to_vec());
        }
        match stream.read(&mut block) {
            Ok(count @ 1..) => received.extend_from_slice(&block[..count]),
            _ => return None,
        }
    }
}

/// What an answer says.
#[derive(Clone, Copy)]
pub enum Status {
    Good,
    Revoked,
    Unknown,
}

/// An answer that is right, but for what a test changes.
pub struct Answer<'a> {
    pub status: Status,
    pub signer: &'a Holder,
    /// Seconds from now.
    pub this_s: i64,
    pub next_s: i64,
}

impl<'a> Answer<'a> {
    pub fn of(status: Status, signer: &'a Holder) -> Self {
        Self { status, signer, this_s: -60, next_s: HOUR_S }
    }

    /// RFC 6960 §4.2.1, over HTTP.
    pub fn about(&self, id: &[u8]) -> Vec<u8> {
        let algorithm = [0x30, 10, 0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
        let status = match self.status {
            Status::Good => vec![0x80, 0],
            Status::Revoked => der(0xA1, &[&time(-HOUR_S)]),
            Status::Unknown => vec![0x82, 0],
        };
        let single = der(0x30, &[id, &status, &time(self.this_s), &der(0xA0, &[&time(self.next_s)])]);
        let name = self.signer.certificate.subject_name().to_der().unwrap();
        let data = der(0x30, &[&der(0xA1, &[&name]), &time(0), &der(0x30, &[&single])]);
        let signature = der(0x03, &[&[0], &sign(&self.signer.key, &data)]);
        let certificates = der(0xA0, &[&der(0x30, &[&to_der(&self.signer.certificate)])]);
        let basic = der(0x30, &[&data, &algorithm, &signature, &certificates]);
        let kind = [0x06, 9, 0x2B, 6, 1, 5, 5, 7, 0x30, 1, 1];
        let bytes = der(0xA0, &[&der(0x30, &[&kind, &der(0x04, &[&basic])])]);
        http(&der(0x30, &[&[0x0A, 1, 0], &bytes]))
    }
}

/// A responder that answers so, with the issuing authority's key or another.
pub fn says(status: Status, signer: &Holder) -> Manner {
    let signer = signer.clone();
    Box::new(move |id, stream| send(stream, &Answer::of(status, &signer).about(id)))
}

pub fn says_bytes(bytes: Vec<u8>) -> Manner {
    Box::new(move |_, stream| send(stream, &bytes))
}

/// It accepts and says nothing, until the other side has had enough.
pub fn says_nothing() -> Manner {
    Box::new(|_, stream| while let Ok(1..) = stream.read(&mut [0; 64]) {})
}

pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    // The guard may have had enough.
    let _ = stream.write_all(bytes);
}

pub fn http(body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// What the site file would say of asking at this port.
pub fn asks(port: u16, when_silent: &str) -> Value {
    json!({"responder": format!("http://127.0.0.1:{port}/"), "when_silent": when_silent, "timeout_ms": 1_000,
           "max_age_ms": 3_600_000})
}

fn sign(key: &PKey<Private>, data: &[u8]) -> Vec<u8> {
    let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
    signer.sign_oneshot_to_vec(data).unwrap()
}

fn to_der(certificate: &X509Ref) -> Vec<u8> {
    certificate.to_der().unwrap()
}

fn time(from_now_s: i64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let at = jiff::Timestamp::from_second(now as i64 + from_now_s).unwrap();
    der(0x18, &[at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()])
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut whole = vec![tag];
    match u16::try_from(content.len()).unwrap().to_be_bytes() {
        [0, short @ 0..=0x7F] => whole.push(short),
        [0, one] => whole.extend([0x81, one]),
        [high, low] => whole.extend([0x82, high, low]),
    }
    [whole, content].concat()
}
