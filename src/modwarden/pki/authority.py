"""The CAs that sign here: the root from where it is kept, the issuing CA from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modwarden.pki.crl import kept_crls, revocations_of, root_crl
from modwarden.pki.errors import PkiInputError
from modwarden.pki.keys import load_key
from modwarden.pki.profile import Authority
from modwarden.pki.store import CERTIFICATE, KEY, kept_certificates

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from modwarden.pki.keys import AskPassphrase, PrivateKey
    from modwarden.pki.store import Store


def load_root(store: Store, folder: Path | None, ask: AskPassphrase, now: datetime) -> Authority:
    """
    Fetch the root with its key, from the folder where the key is kept.

    Raises:
        PkiInputError: the key is not there, does not open, or is another root's.
    """
    path = (folder or store.root_folder) / KEY
    if not path.is_file():
        hint = "bring the root's folder back for this, or say with --root where it is"
        raise PkiInputError(path, "the root's key is not there", hint)
    root = Authority(store.root(), load_key(path, ask))
    _check_pair(root, path)
    _check_time(root.certificate, now, "the root", "make a new PKI")
    return root


def load_issuing(store: Store, generation: int | None = None) -> Authority:
    """
    Fetch an issuing CA with its key, the current one where none is named.

    Raises:
        PkiStoreError: its certificate is damaged.
        PkiInputError: its key cannot be used.
    """
    lineage = store.issuing()
    folder = lineage.folder(generation or lineage.generations()[-1])
    issuing = Authority(kept_certificates(folder / CERTIFICATE)[0], load_key(folder / KEY, lambda _: None))
    _check_pair(issuing, folder / KEY)
    return issuing


def issuing_for_new(store: Store, now: datetime) -> Authority:
    """
    Fetch the issuing CA for a new certificate.

    Raises:
        PkiInputError: what it signs now no peer would accept.
    """
    issuing = load_issuing(store)
    hint = "make the next one with `modwarden pki renew issuing`, which needs the root's key"
    _check_time(issuing.certificate, now, "the issuing CA", hint)
    revoked = {line.serial for crl in kept_crls(root_crl(store)) for line in revocations_of(crl)}
    if issuing.certificate.serial_number in revoked:
        raise PkiInputError(store.path, "the issuing CA is revoked", hint)
    return issuing


def has_key(certificate: x509.Certificate | x509.CertificateSigningRequest, key: PrivateKey) -> bool:
    """Whether a certificate is for this key."""
    return _octets(certificate.public_key()) == _octets(key.public_key())


def _check_pair(authority: Authority, path: Path) -> None:
    if not has_key(authority.certificate, authority.key):
        raise PkiInputError(
            path, "is not the key of this CA's certificate", "give the key that belongs to it"
        )


def _check_time(certificate: x509.Certificate, now: datetime, who: str, hint: str) -> None:
    if now < certificate.not_valid_before_utc:
        start = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise PkiInputError(who, f"begins at {start} and this host's clock is before that", "set the clock")
    if now >= certificate.not_valid_after_utc:
        raise PkiInputError(who, f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}", hint)


def _octets(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded
