"""Certificates and their lists, in PEM files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from modwarden.pki.errors import PkiInputError
from modwarden.pki.role import ROLE_OID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# What the library raises for bytes that it cannot make sense of.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

_BEGIN_CRL = b"-----BEGIN X509 CRL-----"


def load_certificates(path: Path) -> list[x509.Certificate]:
    """
    Read the certificates of a file, at least one, in the file's order.

    Raises:
        PkiInputError: there is none, or one that cannot be read.
    """
    return parse_certificates(path.read_bytes(), path)


def parse_certificates(data: bytes, where: Path) -> list[x509.Certificate]:
    """Read certificates as `load_certificates` does."""
    try:
        # The library only warns of a serial number or name against RFC 5280; R-47 asks for conformity.
        with warnings.catch_warnings(action="error"):
            certificates = x509.load_pem_x509_certificates(data)
            for certificate in certificates:
                _look_at_all(certificate)
    except x509.DuplicateExtension as error:
        raise _doubled(where, error) from error
    except Warning as warning:
        raise PkiInputError(where, f"is not as RFC 5280 asks ({warning})", "have it issued anew") from warning
    except UNREADABLE as error:
        hint = "give PEM; a .pfx or .p12 becomes PEM with `openssl pkcs12 -in FILE -nodes`"
        raise PkiInputError(where, "holds no certificate that can be read", hint) from error
    return certificates


def load_crls(path: Path) -> list[x509.CertificateRevocationList]:
    """
    Read the CRLs of a file, at least one.

    Raises:
        PkiInputError: there is none, or one that cannot be read.
    """
    parts = path.read_bytes().split(_BEGIN_CRL)[1:]
    try:
        crls = [x509.load_pem_x509_crl(_BEGIN_CRL + part) for part in parts]
        for crl in crls:
            _ = crl.extensions, crl.issuer, crl.next_update_utc, list(crl)
    except (*UNREADABLE, x509.DuplicateExtension) as error:
        raise _no_crl(path) from error
    if not crls:
        raise _no_crl(path)
    return crls


def render_pem(items: Iterable[x509.Certificate | x509.CertificateRevocationList]) -> bytes:
    """Write certificates or CRLs one after another."""
    return b"".join(item.public_bytes(Encoding.PEM) for item in items)


def _look_at_all(certificate: x509.Certificate) -> None:
    """Let what is amiss come up now: the library looks at these only when asked."""
    _ = certificate.extensions, certificate.public_key(), certificate.subject, certificate.issuer
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _doubled(where: Path, error: x509.DuplicateExtension) -> PkiInputError:
    if error.oid == ROLE_OID:
        return PkiInputError(where, "carries two roles", "R-65 asks for exactly one: have it issued anew")
    return PkiInputError(where, f"has the extension {error.oid.dotted_string} twice", "have it issued anew")


def _no_crl(path: Path) -> PkiInputError:
    hint = "give PEM; DER becomes PEM with `openssl crl -inform DER -in FILE`"
    return PkiInputError(path, "holds no CRL that can be read", hint)
