//! What a TLS client needs of OpenSSL and the safe bindings leave out: to resume a session, to ask for a fragment
//! length, and to know whether the server asked for a certificate.
//!
//! Kept true here:
//! * this is the one crate with `unsafe`, and each block has its proof;
//! * a session is offered only under the context that it was made under;
//! * no callback of ours can panic.

use foreign_types::ForeignTypeRef as _;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslRef, SslSession, SslSessionCacheMode};
use std::ffi::{c_int, c_long, c_void};
use std::sync::{Arc, Mutex, PoisonError};

/// <openssl/ssl.h>, which the bindings do not name.
const SSL_CTRL_GET_SIGNATURE_NID: c_int = 132;

#[allow(unsafe_code)]
// SAFETY: as <openssl/tls1.h> declares it since OpenSSL 1.1.1; `uint8_t` is `u8`.
unsafe extern "C" {
    fn SSL_CTX_set_tlsext_max_fragment_length(context: *mut openssl_sys::SSL_CTX, mode: u8) -> c_int;
}

/// A length of RFC 6066 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// 512 bytes.
    Of512,
    /// 1024 bytes.
    Of1024,
    /// 2048 bytes.
    Of2048,
    /// 4096 bytes.
    Of4096,
}

/// Begins handshakes with one server, and remembers the last session that it gave.
pub struct Dialer {
    context: SslContext,
    kept: Arc<Mutex<Option<SslSession>>>,
}

impl Fragment {
    /// The length of so many bytes, where there is one.
    #[must_use]
    pub const fn of(bytes: u16) -> Option<Self> {
        match bytes {
            512 => Some(Self::Of512),
            1024 => Some(Self::Of1024),
            2048 => Some(Self::Of2048),
            4096 => Some(Self::Of4096),
            _ => None,
        }
    }

    /// RFC 6066 §4: its number in the extension.
    const fn mode(self) -> u8 {
        match self {
            Self::Of512 => 1,
            Self::Of1024 => 2,
            Self::Of2048 => 3,
            Self::Of4096 => 4,
        }
    }
}

impl Dialer {
    /// Finish a client's context: its sessions are kept here from now on.
    ///
    /// # Errors
    /// OpenSSL does not take the fragment length.
    pub fn new(mut context: SslContextBuilder, fragment: Option<Fragment>) -> Result<Self, ErrorStack> {
        if let Some(fragment) = fragment {
            ask_for_fragments(&context, fragment)?;
        }
        let kept = Arc::new(Mutex::new(None));
        let keeps = Arc::clone(&kept);
        context.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        context.set_new_session_callback(move |_, session| {
            *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        });
        Ok(Self { context: context.build(), kept })
    }

    /// The next connection; it offers to resume the session of an earlier one.
    ///
    /// # Errors
    /// OpenSSL has no memory for it.
    pub fn dial(&self) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(session) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            #[allow(unsafe_code)]
            // SAFETY: the session must be of the connection's own context. `kept` is private, only the callback of
            // `self.context` puts sessions there, and `ssl` was made under that context one line above.
            unsafe {
                ssl.set_session(session)?;
            }
        }
        Ok(ssl)
    }

    /// The next handshake is a full one.
    pub fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether there is a session to resume.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// Whether this client has proved, in a full handshake, that the key of its certificate is its own: a server that
/// never asked it to does not know who connects.
#[must_use]
pub fn has_signed(ssl: &SslRef) -> bool {
    let mut algorithm: c_int = 0;
    #[allow(unsafe_code)]
    // SAFETY: `ssl` is valid as long as its reference is, and this control only reads it: OpenSSL writes one `int`
    // behind the pointer, which leads to a live `c_int` of ours, or nothing.
    let found: c_long = unsafe {
        openssl_sys::SSL_ctrl(ssl.as_ptr(), SSL_CTRL_GET_SIGNATURE_NID, 0, (&raw mut algorithm).cast::<c_void>())
    };
    found == 1
}

fn ask_for_fragments(context: &SslContextBuilder, fragment: Fragment) -> Result<(), ErrorStack> {
    #[allow(unsafe_code)]
    // SAFETY: the pointer is a live context that nobody else has yet, and the number one of RFC 6066.
    let is_set = unsafe { SSL_CTX_set_tlsext_max_fragment_length(context.as_ptr(), fragment.mode()) };
    if is_set == 1 { Ok(()) } else { Err(ErrorStack::get()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_lengths_of_the_extension_can_be_asked_for() {
        let modes = [512, 1024, 2048, 4096].map(|bytes| Fragment::of(bytes).map(Fragment::mode));

        assert_eq!(modes, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!([0, 511, 8192, 16384].map(Fragment::of), [None; 4]);
    }
}
