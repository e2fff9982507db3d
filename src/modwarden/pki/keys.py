"""Private keys: which kinds there are, how they are made, written and read.

Kept true here, and tested:
* a key that others may read is refused, unless a passphrase covers it;
* a passphrase is asked for only where a key has one, and comes from the caller, never from the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from modwarden.pki._sealed_key import seal_key
from modwarden.pki.errors import PkiInputError

if TYPE_CHECKING:
    from pathlib import Path

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
# Asked with the place of the key; None where nobody can say.
AskPassphrase: TypeAlias = Callable[["Path"], bytes | None]

_RSA_BITS = 3072  # 128 bits of strength, as P-256 (NIST SP 800-57 part 1, table 2)
_LEAST_RSA_BITS = 2048
_LEAST_EC_BITS = 256
_OTHERS = 0o077


class KeyAlgorithm(StrEnum):
    """Kinds of key that are made here."""

    ECDSA_P256 = "ecdsa-p256"
    RSA_3072 = "rsa-3072"


def make_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """Make a key from the system's randomness."""
    if algorithm is KeyAlgorithm.RSA_3072:
        return rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def algorithm_of(key: PublicKey) -> KeyAlgorithm:
    """Name the kind to make where a new key shall be like another."""
    return KeyAlgorithm.RSA_3072 if isinstance(key, rsa.RSAPublicKey) else KeyAlgorithm.ECDSA_P256


def render_key(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """Write a key as PKCS#8 in PEM."""
    encoding = serialization.Encoding.PEM if passphrase is None else serialization.Encoding.DER
    plain = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return plain if passphrase is None else seal_key(plain, passphrase)


def load_key(path: Path, ask: AskPassphrase) -> PrivateKey:
    """
    Read a key of a kind that R-14 or R-62 can use.

    Raises:
        PkiInputError: it is no such key, others may read it, or its passphrase is not the one given.
    """
    data = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError:
        return _load_sealed(path, data, ask(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiInputError(path, "is no private key", "give a key in PEM (PKCS#8)") from error
    refuse_readable_by_others(path, "a key without passphrase")
    return _usable(key, path)


def load_passphrase(path: Path) -> bytes:
    """
    Read a passphrase from a file of its own.

    Raises:
        PkiInputError: others may read it, or there is none in it.
    """
    refuse_readable_by_others(path, "a passphrase")
    passphrase = path.read_bytes().rstrip(b"\r\n")
    if not passphrase:
        raise PkiInputError(path, "holds no passphrase", "write it into the file, on one line")
    return passphrase


def refuse_readable_by_others(path: Path, what: str) -> None:
    """
    Hold a secret's file to its owner.

    Raises:
        PkiInputError: group or others may do anything with it.
    """
    if path.stat().st_mode & _OTHERS:
        raise PkiInputError(path, f"holds {what} and is open to others", f"chmod 600 {path}")


def check_public_key(key: object, where: str | Path) -> PublicKey:
    """
    See that a key is of a kind and size that peers accept.

    Raises:
        PkiInputError: it is not.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _LEAST_EC_BITS:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    hint = (
        f"use ECDSA from {_LEAST_EC_BITS} bits on, or RSA from {_LEAST_RSA_BITS} bits on (R-14, R-61, R-62)"
    )
    raise PkiInputError(where, "has a kind or size of key that peers refuse", hint)


def _load_sealed(path: Path, data: bytes, passphrase: bytes | None) -> PrivateKey:
    if passphrase is None:
        raise PkiInputError(
            path, "has a passphrase", "give it with --passphrase-file, or run this on a terminal"
        )
    try:
        return _usable(serialization.load_pem_private_key(data, passphrase), path)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiInputError(
            path, "does not open with this passphrase", "try again with the right one"
        ) from error


def _usable(key: object, path: Path) -> PrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        check_public_key(key.public_key(), path)
        return key
    raise PkiInputError(
        path, "is neither an ECDSA nor an RSA key", "TLS suites of R-14 and R-62 need one of them"
    )
