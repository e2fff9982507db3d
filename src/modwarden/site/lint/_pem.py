"""Certificates, keys and revocation lists in files, as far as `check` can read them here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_BEGIN_CRL = b"-----BEGIN X509 CRL-----"
_Read = TypeVar("_Read", covariant=True)  # noqa: PLC0105


@dataclass(frozen=True, slots=True)
class PemRead(Generic[_Read]):
    """What a file held, or why nothing is known of it."""

    file: Path
    held: _Read | None
    flaw: str | None = None
    """What is wrong with the file."""
    is_hidden: bool = False
    """It may be fine: whoever runs this may not read it."""


def read_certificates(file: Path) -> PemRead[list[x509.Certificate]]:
    """Read the certificates of a file."""
    return _read(file, x509.load_pem_x509_certificates, "holds no PEM certificate")


def read_key(file: Path) -> PemRead[PrivateKeyTypes]:
    """Read a private key that has no passphrase."""
    return _read(file, lambda data: load_pem_private_key(data, None), "holds no PEM key without a passphrase")


def read_crls(file: Path) -> PemRead[list[x509.CertificateRevocationList]]:
    """Read the revocation lists of a file, PEM or DER."""
    return _read(file, _parse_crls, "holds no revocation list")


def _parse_crls(data: bytes) -> list[x509.CertificateRevocationList]:
    if _BEGIN_CRL not in data:
        return [x509.load_der_x509_crl(data)]
    return [x509.load_pem_x509_crl(_BEGIN_CRL + block) for block in data.split(_BEGIN_CRL)[1:]]


def _read(file: Path, parse: Callable[[bytes], _Read], flaw: str) -> PemRead[_Read]:
    try:
        return PemRead(file, parse(file.read_bytes()))
    except PermissionError:
        return PemRead(file, None, is_hidden=True)
    except OSError as error:
        return PemRead(file, None, f"cannot be read: {error.strerror}")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return PemRead(file, None, flaw)
