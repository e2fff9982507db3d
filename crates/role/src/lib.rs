//! The Modbus role of a certificate: its bytes in, the role out. No signature is checked here.
//!
//! Modbus/TCP Security v36, R-21, R-22, R-65: the extension 1.3.6.1.4.1.50316.802.1 holds one `UTF8String`, and
//! the whole of it is the role.
//!
//! Kept true here, and tested:
//! * a certificate without the extension has no role, which is no error;
//! * two such extensions, another type of string, or bytes behind the string are an error, and never a role;
//! * no bytes make this panic.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use std::fmt;

///
const ROLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.50316.802.1");
/// RFC 5280 §4.1: `extensions [3]`.
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// Why a certificate's role cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleError {
    /// More than one role: R-65.
    Two,
    /// What the extension holds is not one `UTF8String`: R-22.
    IllFormed,
    /// This is no certificate.
    NoCertificate,
}

impl RoleError {
    /// The word that stands in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Two => "two_roles",
            Self::IllFormed => "role_ill_formed",
            Self::NoCertificate => "certificate_ill_formed",
        }
    }
}

impl fmt::Display for RoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::error::Error for RoleError {}

/// The role that a DER certificate carries; `None`: it carries none.
///
/// # Errors
/// [`RoleError`]: it must not be taken for one without a role.
pub fn role_of(certificate: &[u8]) -> Result<Option<&str>, RoleError> {
    let mut roles = role_extensions(certificate).map_err(|_| RoleError::NoCertificate)?;
    match (roles.pop(), roles.is_empty()) {
        (None, _) => Ok(None),
        (Some(value), true) => parse_role(value).map(Some),
        (Some(_), false) => Err(RoleError::Two),
    }
}

/// The one string in an extension's value.
///
/// # Errors
/// [`RoleError::IllFormed`].
pub fn parse_role(value: &[u8]) -> Result<&str, RoleError> {
    let any = AnyRef::from_der(value).map_err(|_| RoleError::IllFormed)?;
    let is_role = any.tag() == Tag::Utf8String && !any.value().is_empty();
    let text = std::str::from_utf8(any.value()).map_err(|_| RoleError::IllFormed)?;
    if is_role { Ok(text) } else { Err(RoleError::IllFormed) }
}

/// The values of all extensions that are roles.
fn role_extensions(certificate: &[u8]) -> der::Result<Vec<&[u8]>> {
    let body = contents(AnyRef::from_der(certificate)?, Tag::Sequence)?;
    let to_be_signed = contents(AnyRef::decode(&mut SliceReader::new(body)?)?, Tag::Sequence)?;
    let mut reader = SliceReader::new(to_be_signed)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        let field = AnyRef::decode(&mut reader)?;
        if field.tag() == EXTENSIONS {
            gather(contents(AnyRef::from_der(field.value())?, Tag::Sequence)?, &mut found)?;
        }
    }
    Ok(found)
}

fn gather<'a>(extensions: &'a [u8], found: &mut Vec<&'a [u8]>) -> der::Result<()> {
    let mut reader = SliceReader::new(extensions)?;
    while !reader.is_finished() {
        let mut fields = SliceReader::new(contents(AnyRef::decode(&mut reader)?, Tag::Sequence)?)?;
        let is_role = ObjectIdentifier::decode(&mut fields)? == ROLE;
        let mut value = AnyRef::decode(&mut fields)?;
        if value.tag() == Tag::Boolean {
            value = AnyRef::decode(&mut fields)?;
        }
        let value = contents(value, Tag::OctetString)?;
        if is_role {
            found.push(value);
        }
    }
    Ok(())
}

fn contents(any: AnyRef<'_>, wanted: Tag) -> der::Result<&[u8]> {
    any.tag().assert_eq(wanted)?;
    Ok(any.value())
}
