//! One POST over HTTP/1.1, as RFC 6960 appendix A asks for it.
//!
//! Kept true here: all of it together has one deadline; no more than 64 KiB are read; nobody is redirected, and no proxy
//! is asked.

use httparse::{EMPTY_HEADER, Response, Status, parse_chunk_size};
use policy::document::HttpAddress;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// An answer with its chain has some 2 to 4 KB.
const MOST_BYTES: usize = 64 * 1024;
const MOST_HEAD_BYTES: usize = 8 * 1024;
const MOST_HEADERS: usize = 32;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody was there, or nothing came in time.
    Silent(String),
    /// Something came that cannot be used.
    Bad(String),
}

/// What follows the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Of(usize),
    Chunked,
    ToTheEnd,
}

/// Time for all of it.
struct Deadline {
    until: Instant,
    timeout: Duration,
}

pub(super) fn post(address: &HttpAddress, body: &[u8], timeout: Duration) -> Result<Vec<u8>, Trouble> {
    let deadline = Deadline { until: Instant::now() + timeout, timeout };
    let mut stream = connect(address, &deadline)?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/ocsp-request\r\nAccept: application/ocsp-response\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        address.path,
        address.authority(),
        body.len(),
    );
    let sent = stream.set_write_timeout(Some(deadline.left()?));
    let sent = sent.and_then(|()| stream.write_all(&[head.as_bytes(), body].concat()));
    sent.map_err(|error| deadline.told(&error))?;
    receive(&mut stream, &deadline)
}

fn connect(address: &HttpAddress, deadline: &Deadline) -> Result<TcpStream, Trouble> {
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    let found = found.map_err(|error| Trouble::Silent(format!("{}: {error}", address.host)))?;
    let mut trouble = Trouble::Silent(format!("{} has no address", address.host));
    for place in found {
        match TcpStream::connect_timeout(&place, deadline.left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) => trouble = deadline.told(&error),
        }
    }
    Err(trouble)
}

fn receive(stream: &mut TcpStream, deadline: &Deadline) -> Result<Vec<u8>, Trouble> {
    let (mut received, mut block) = (Vec::new(), [0; 4096]);
    let mut head = None;
    loop {
        stream.set_read_timeout(Some(deadline.left()?)).map_err(|error| deadline.told(&error))?;
        let count = match stream.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(|error| deadline.told(&error))?,
        };
        received.extend_from_slice(block.get(..count).unwrap_or_default());
        if received.len() > MOST_BYTES {
            return Err(Trouble::Bad("it is longer than 64 KiB".to_owned()));
        }
        if head.is_none() {
            head = read_head(&received)?;
        }
        let whole = head.and_then(|(length, body)| body.whole(received.get(length..)?, count == 0));
        match whole {
            Some(whole) => return Ok(whole),
            None if count == 0 && received.is_empty() => {
                return Err(Trouble::Silent("it closed without an answer".to_owned()));
            }
            None if count == 0 => return Err(Trouble::Bad("it ended in the middle".to_owned())),
            None => {}
        }
    }
}

/// How long the head is and what follows it; `None`: more is to come.
fn read_head(received: &[u8]) -> Result<Option<(usize, Body)>, Trouble> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut response = Response::new(&mut headers);
    let bad = |what: String| Trouble::Bad(what);
    match response.parse(received) {
        Err(error) => Err(bad(format!("it is no HTTP: {error}"))),
        Ok(Status::Partial) if received.len() > MOST_HEAD_BYTES => Err(bad("its headers are too long".to_owned())),
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(length)) => match response.code {
            Some(200) => Ok(Some((length, Body::told_by(response.headers)?))),
            code => Err(bad(format!("it says HTTP {}", code.unwrap_or_default()))),
        },
    }
}

impl Body {
    /// RFC 9112 §6.3.
    fn told_by(headers: &[httparse::Header<'_>]) -> Result<Self, Trouble> {
        let value = |name: &str| headers.iter().find(|one| one.name.eq_ignore_ascii_case(name)).map(|one| one.value);
        if let Some(coding) = value("transfer-encoding") {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            return is_chunked.then_some(Self::Chunked).ok_or_else(|| Trouble::Bad("its coding is unknown".to_owned()));
        }
        let Some(length) = value("content-length") else { return Ok(Self::ToTheEnd) };
        let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        match length {
            None => Err(Trouble::Bad("its length is no number".to_owned())),
            Some(length) if length > MOST_BYTES => Err(Trouble::Bad(format!("it is {length} bytes long"))),
            Some(length) => Ok(Self::Of(length)),
        }
    }

    fn whole(self, body: &[u8], has_ended: bool) -> Option<Vec<u8>> {
        match self {
            Self::Of(length) => body.get(..length).map(<[u8]>::to_vec),
            Self::Chunked => join_chunks(body),
            Self::ToTheEnd => has_ended.then(|| body.to_vec()),
        }
    }
}

/// `None`: not all chunks are there, or they are none.
fn join_chunks(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let Ok(Status::Complete((begin, size))) = parse_chunk_size(body) else { return None };
        if size == 0 {
            return Some(whole);
        }
        let end = begin.checked_add(usize::try_from(size).ok()?)?;
        whole.extend_from_slice(body.get(begin..end)?);
        body = body.get(end..)?.strip_prefix(b"\r\n")?;
    }
}

impl Deadline {
    fn left(&self) -> Result<Duration, Trouble> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.over()) } else { Ok(left) }
    }

    fn over(&self) -> Trouble {
        Trouble::Silent(format!("no answer within {} ms", self.timeout.as_millis()))
    }

    fn told(&self, error: &io::Error) -> Trouble {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.over(),
            _ => Trouble::Silent(error.to_string()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What `post` makes of a server that answers with this.
    fn hears(answer: impl Into<Vec<u8>>) -> Result<Vec<u8>, Trouble> {
        let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.into());
        let address = HttpAddress {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            path: "/".to_owned(),
        };
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut block) = (Vec::new(), [0; 1024]);
            while !asked.ends_with(b"question") {
                let count = stream.read(&mut block).unwrap();
                asked.extend_from_slice(&block[..count]);
            }
            // The other side may have had enough of it.
            let _ = stream.write_all(&answer);
        });
        let heard = post(&address, b"question", Duration::from_secs(5));
        server.join().unwrap();
        heard
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let bad = |what: &str| Err(Trouble::Bad(what.to_owned()));
        let long = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 1 << 20]].concat();

        assert_eq!(hears("HTTP/1.1 404 Not Found\r\n\r\n"), bad("it says HTTP 404"));
        assert_eq!(hears("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"), bad("it says HTTP 302"));
        assert_eq!(hears("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), bad("it ended in the middle"));
        assert_eq!(hears("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), bad("its length is no number"));
        assert_eq!(hears("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"), bad("it is 1048576 bytes long"));
        assert_eq!(hears("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), bad("its coding is unknown"));
        assert_eq!(hears(long), bad("it is longer than 64 KiB"));
        assert!(matches!(hears("\x16\x03\x01 no HTTP\r\n\r\n"), Err(Trouble::Bad(_))));
        assert_eq!(hears(""), Err(Trouble::Silent("it closed without an answer".to_owned())));
    }

    #[test]
    fn each_way_in_which_a_body_can_end_is_read() {
        let answers = [
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer",
            "HTTP/1.0 200 OK\r\n\r\nanswer",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n3\r\nwer\r\n0\r\n\r\n",
        ];

        assert!(answers.iter().all(|answer| hears(*answer) == Ok(b"answer".to_vec())));
    }

    #[test]
    fn chunks_that_are_cut_anywhere_are_not_taken() {
        let body = b"3\r\nans\r\n3\r\nwer\r\n0\r\n\r\n";
        for end in 0..body.len() - 5 {
            assert_eq!(join_chunks(&body[..end]), None, "{end}");
        }
    }
}
