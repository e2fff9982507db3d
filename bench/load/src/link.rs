//! A connection in the clear or under TLS, and how the load proves who it is.

use mio::net::TcpStream;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslSessionCacheMode, SslStream,
    SslVerifyMode, SslVersion,
};
use serde::Deserialize;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::PathBuf;
use std::time::Duration;

const LOOK: Duration = Duration::from_micros(50);

/// A client's certificate, and the version that it speaks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secured {
    chain: PathBuf,
    key: PathBuf,
    /// `1.2` or `1.3`.
    version: String,
    /// OpenSSL's name of the one suite.
    suite: String,
}

pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Secured {
    /// It believes any server, so that the load spends as little as it can; no session is resumed.
    pub(crate) fn context(&self) -> Result<SslContext> {
        let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
        let version = if self.version == "1.2" { SslVersion::TLS1_2 } else { SslVersion::TLS1_3 };
        context.set_min_proto_version(Some(version))?;
        context.set_max_proto_version(Some(version))?;
        match version {
            SslVersion::TLS1_2 => context.set_cipher_list(&self.suite)?,
            _ => context.set_ciphersuites(&self.suite)?,
        }
        context.set_groups_list("P-256")?;
        context.set_verify(SslVerifyMode::NONE);
        context.set_certificate_chain_file(&self.chain)?;
        context.set_private_key_file(&self.key, SslFiletype::PEM)?;
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        context.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
        context.set_read_ahead(true);
        Ok(context.build())
    }
}

/// One step of a handshake; whether it is done.
pub(crate) fn step(stream: &mut SslStream<TcpStream>) -> Result<bool> {
    match stream.connect() {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(false),
        Err(error) => Err(error.into_io_error().unwrap_or_else(Error::other)),
    }
}

impl Link {
    /// Wait through the handshake: before the measured time.
    pub(crate) fn secure(stream: TcpStream, context: &SslContext) -> Result<Self> {
        let mut stream = SslStream::new(Ssl::new(context)?, stream)?;
        while !step(&mut stream)? {
            std::thread::sleep(LOOK);
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Whether a short read says that nothing more waits.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => done(stream.ssl_read(into)),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => done(stream.ssl_write(bytes)),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn done(result: std::result::Result<usize, openssl::ssl::Error>) -> Result<usize> {
    match result {
        Ok(count) => Ok(count),
        Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => {
            Err(ErrorKind::WouldBlock.into())
        }
        Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(0),
        Err(error) => Err(error.into_io_error().unwrap_or_else(Error::other)),
    }
}
