//! What OpenSSL is told once for all handshakes of a conduit.
//!
//! Kept true here (R-numbers: Modbus/TCP Security v36):
//! * TLS 1.2 and 1.3 only, a client's certificate always;
//! * no compression, no renegotiation, no early data, no suite that the site file does not name;
//! * keys on curves of 256 bits at least, signatures over SHA-256 at least;
//! * sessions are resumed from the guard's own memory alone, never from a ticket that a client keeps.

use super::anchors::store_of;
use super::error::FileError;
use super::material::Material;
use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Name};
use policy::document::{Suite, Tls, TlsVersion};

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
    set_offer(&mut context, tls).map_err(|error| FileError::setting(format_args!("suites: {error}")))?;
    set_identity(&mut context, material).map_err(|error| FileError::content(&tls.certificate, error))?;
    set_trust(&mut context, &roots).map_err(FileError::setting)?;
    Ok(context.build())
}

fn set_manners(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_options(
        SslOptions::NO_COMPRESSION
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    context.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::AUTO_RETRY
            | SslMode::RELEASE_BUFFERS,
    );
    // One system call for a record, instead of one for its header and one for the rest.
    context.set_read_ahead(true);
    context.set_max_early_data(0)?;
    context.set_session_cache_mode(SslSessionCacheMode::SERVER);
    context.set_session_cache_size(SESSIONS);
    context.set_session_id_context(b"modwarden")?;
    context.set_num_tickets(1)?;
    context.set_groups_list(GROUPS)?;
    context.set_sigalgs_list(SIGNATURES)
}

fn set_offer(context: &mut SslContextBuilder, tls: &Tls) -> Result<(), ErrorStack> {
    context.set_min_proto_version(tls.versions.iter().min().map(|version| number(*version)))?;
    context.set_max_proto_version(tls.versions.iter().max().map(|version| number(*version)))?;
    let named = |version: TlsVersion| {
        let of = tls.suites.iter().filter(|suite| suite.version() == version);
        of.map(|suite| suite.openssl()).collect::<Vec<_>>().join(":")
    };
    // OpenSSL offers what does not encrypt at level 0 only. Keys and chains are held to LEVEL all the same.
    let has_readable = tls.suites.iter().copied().any(Suite::is_readable);
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
