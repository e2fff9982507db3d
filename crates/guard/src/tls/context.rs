//! What OpenSSL is told once for all handshakes of a conduit, or with a server.
//!
//! Kept true here (R-numbers: Modbus/TCP Security v36):
//! * TLS 1.2 and 1.3 only, the peer's certificate always;
//! * no compression, no renegotiation, no early data, no suite that the site file does not name;
//! * keys on curves of 256 bits at least, signatures over SHA-256 at least;
//! * clients' sessions are resumed from the guard's own memory alone, never from a ticket that a client keeps;
//! * towards a server what authenticates without encrypting is offered last, and the name is always checked.

use super::anchors::store_of;
use super::error::FileError;
use super::material::Material;
use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::stack::Stack;
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{X509, X509Name};
use policy::document::{ServerTls, Suite, Tls, TlsVersion};
use std::net::IpAddr;

/// NIST SP 800-57: 112 bits and more, no SHA-1.
const LEVEL: i32 = 2;
/// P-256 at least.
const GROUPS: &str = "P-256:X25519:P-384:P-521";
///
const SIGNATURES: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:\
                          RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";
/// Sessions that can be resumed; each costs some 2 KB with its certificate.
const SESSIONS: i32 = 1024;
/// Longer chains are no plant's.
const DEPTH: u32 = 8;

pub(super) fn build(tls: &Tls, material: &Material) -> Result<SslContext, FileError> {
    let roots: Vec<X509> = material.roots.iter().map(|(_, root)| root.clone()).collect();
    let mut context = SslContextBuilder::new(SslMethod::tls_server()).map_err(FileError::setting)?;
    set_manners(&mut context).map_err(FileError::setting)?;
    set_sessions(&mut context).map_err(FileError::setting)?;
    set_offer(&mut context, (tls, &tls.suites)).map_err(|error| FileError::setting(format_args!("suites: {error}")))?;
    set_identity(&mut context, material).map_err(|error| FileError::content(&tls.certificate, error))?;
    set_trust(&mut context, &roots).map_err(FileError::setting)?;
    Ok(context.build())
}

/// For the guard as a client.
pub(super) fn build_towards(server: &ServerTls, material: &Material) -> Result<SslContextBuilder, FileError> {
    let tls = &server.tls;
    let roots: Vec<X509> = material.roots.iter().map(|(_, root)| root.clone()).collect();
    let mut context = SslContextBuilder::new(SslMethod::tls_client()).map_err(FileError::setting)?;
    set_manners(&mut context).map_err(FileError::setting)?;
    // the sort keeps the order of all others.
    let mut suites = tls.suites.clone();
    suites.sort_by_key(|suite| suite.is_readable());
    set_offer(&mut context, (tls, &suites)).map_err(|error| FileError::setting(format_args!("suites: {error}")))?;
    set_identity(&mut context, material).map_err(|error| FileError::content(&tls.certificate, error))?;
    set_expected(&mut context, &roots, &server.name).map_err(FileError::setting)?;
    Ok(context)
}

/// Whom the guard believes as a client: a chain to a root, and a name in the certificate.
fn set_expected(context: &mut SslContextBuilder, roots: &[X509], name: &str) -> Result<(), ErrorStack> {
    context.set_verify_cert_store(store_of(roots)?.build())?;
    context.set_verify_depth(DEPTH);
    let expected = context.verify_param_mut();
    expected.set_hostflags(X509CheckFlags::NO_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT);
    match name.parse::<IpAddr>() {
        Ok(address) => expected.set_ip(address)?,
        Err(_) => expected.set_host(name)?,
    }
    // Each handshake sets its own callback; without one no server is used.
    context.set_verify_callback(SslVerifyMode::PEER, |_, _| false);
    Ok(())
}

fn set_manners(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_options(SslOptions::NO_COMPRESSION | SslOptions::NO_RENEGOTIATION);
    context.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::AUTO_RETRY
            | SslMode::RELEASE_BUFFERS,
    );
    // One system call for a record, instead of one for its header and one for the rest.
    context.set_read_ahead(true);
    context.set_max_early_data(0)?;
    context.set_groups_list(GROUPS)?;
    context.set_sigalgs_list(SIGNATURES)
}

fn set_sessions(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_options(SslOptions::NO_TICKET | SslOptions::CIPHER_SERVER_PREFERENCE);
    context.set_session_cache_mode(SslSessionCacheMode::SERVER);
    context.set_session_cache_size(SESSIONS);
    context.set_session_id_context(b"modwarden")?;
    context.set_num_tickets(1)
}

fn set_offer(context: &mut SslContextBuilder, (tls, suites): (&Tls, &[Suite])) -> Result<(), ErrorStack> {
    context.set_min_proto_version(tls.versions.iter().min().map(|version| number(*version)))?;
    context.set_max_proto_version(tls.versions.iter().max().map(|version| number(*version)))?;
    let named = |version: TlsVersion| {
        let of = suites.iter().filter(|suite| suite.version() == version);
        of.map(|suite| suite.openssl()).collect::<Vec<_>>().join(":")
    };
    // OpenSSL offers what does not encrypt at level 0 only. Keys and chains are held to LEVEL all the same.
    let has_readable = suites.iter().copied().any(Suite::is_readable);
    let level = if has_readable { 0 } else { LEVEL };
    context.set_security_level(u32::try_from(level).unwrap_or_default());
    context.verify_param_mut().set_auth_level(LEVEL);
    context.set_ciphersuites(&named(TlsVersion::V1_3))?;
    let older = named(TlsVersion::V1_2);
    if older.is_empty() { Ok(()) } else { context.set_cipher_list(&format!("{older}:@SECLEVEL={level}")) }
}

fn number(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::V1_2 => SslVersion::TLS1_2,
        TlsVersion::V1_3 => SslVersion::TLS1_3,
    }
}

/// the whole chain is sent.
fn set_identity(context: &mut SslContextBuilder, material: &Material) -> Result<(), ErrorStack> {
    for (index, certificate) in material.chain.iter().enumerate() {
        match index {
            0 => context.set_certificate(certificate)?,
            _ => context.add_extra_chain_cert(certificate.clone())?,
        }
    }
    context.set_private_key(&material.key)?;
    context.check_private_key()
}

fn set_trust(context: &mut SslContextBuilder, roots: &[X509]) -> Result<(), ErrorStack> {
    context.set_verify_cert_store(store_of(roots)?.build())?;
    context.set_verify_depth(DEPTH);
    let mut names = Stack::<X509Name>::new()?;
    for root in roots {
        names.push(root.subject_name().to_owned()?)?;
    }
    // a client that has several certificates learns which one is wanted.
    context.set_client_ca_list(names);
    // Each handshake sets its own callback; without one nobody gets in.
    context.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, |_, _| false);
    Ok(())
}
