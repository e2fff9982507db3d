"""What our certificates, requests and CRLs contain (RFC 5280, and Modbus/TCP Security v36 R-47)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modwarden.pki.role import role_extension
from modwarden.pki.store import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modwarden.pki.keys import PrivateKey, PublicKey
    from modwarden.pki.terms import Terms

Extension: TypeAlias = tuple[x509.ExtensionType, bool]

# A peer whose clock is behind must not refuse a new certificate or CRL as one of the future.
CLOCK_SLACK = timedelta(hours=1)

_PURPOSE = {Kind.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Kind.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can sign: its certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when."""

    start: datetime
    end: datetime


def validity(now: datetime, days: int) -> Validity:
    """Begin a little earlier, and last for so many days from now."""
    return Validity(now - CLOCK_SLACK, now + timedelta(days=days))


def subject_of(organization: str, common: str) -> x509.Name:
    """Name a holder within an organization."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def root_certificate(name: x509.Name, key: PrivateKey, lasts: Validity) -> x509.Certificate:
    """Let a root sign itself; one CA may stand below it."""
    extensions = list(_ca_extensions(key.public_key(), below=1))
    return _signed(name, extensions, key.public_key(), lasts, issuer=name, key=key)


def issuing_certificate(
    name: x509.Name, key: PublicKey, root: Authority, lasts: Validity
) -> x509.Certificate:
    """Let the root sign an issuing CA; no CA may stand below that one."""
    extensions = [*_ca_extensions(key, below=0), issued_by(root.certificate)]
    return _signed(name, extensions, key, lasts, issuer=root.certificate.subject, key=root.key)


def holder_certificate(
    name: x509.Name, terms: Terms, key: PublicKey, issuing: Authority, lasts: Validity, crl: str
) -> x509.Certificate:
    """Let the issuing CA, whose CRL has this file name, sign the certificate of a server or client."""
    extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        issued_by(issuing.certificate),
        *_holder_extensions(terms, key),
        *_crl_place(terms, crl),
    ]
    return _signed(name, extensions, key, lasts, issuer=issuing.certificate.subject, key=issuing.key)


def signing_request(name: x509.Name, terms: Terms, key: PrivateKey) -> x509.CertificateSigningRequest:
    """Ask another CA for what ours would issue."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for extension, is_critical in _holder_extensions(terms, key.public_key()):
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(key, hashes.SHA256())


def issued_by(issuer: x509.Certificate) -> Extension:
    """Name the issuer's key; the issuer may have several under one name (RFC 5280 §4.2.1.1)."""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False


def _ca_extensions(key: PublicKey, *, below: int) -> Iterator[Extension]:
    yield x509.BasicConstraints(ca=True, path_length=below), True
    yield _usage("key_cert_sign", "crl_sign"), True
    yield x509.SubjectKeyIdentifier.from_public_key(key), False


def _holder_extensions(terms: Terms, key: PublicKey) -> Iterator[Extension]:
    # Key exchange by RSA, which R-39 asks for, enciphers with the certificate's key.
    is_elliptic = isinstance(key, ec.EllipticCurvePublicKey)
    yield _usage("digital_signature", *([] if is_elliptic else ["key_encipherment"])), True
    yield x509.ExtendedKeyUsage([_PURPOSE[terms.kind]]), False
    if terms.addresses:
        yield x509.SubjectAlternativeName(terms.addresses), False
    if terms.role is not None:
        # Not critical: OpenSSL refuses a critical extension that it does not know.
        yield role_extension(terms.role), False


def _crl_place(terms: Terms, crl: str) -> Iterator[Extension]:
    if terms.crl_url is not None:
        place = x509.UniformResourceIdentifier(f"{terms.crl_url}/{crl}")
        yield x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)]), False


def _usage(*asked: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in asked for usage in _USAGES})


def _signed(
    name: x509.Name,
    extensions: list[Extension],
    public_key: PublicKey,
    lasts: Validity,
    *,
    issuer: x509.Name,
    key: PrivateKey,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        # 159 random bits (RFC 5280 §4.1.2.2 has room for no more): no counter to lose, none used twice.
        .serial_number(x509.random_serial_number())
        .not_valid_before(lasts.start)
        .not_valid_after(lasts.end)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(key, hashes.SHA256())
