"""What certificates and CRLs a PKI holds, read from their own files.

Kept true here, and tested:
* one damaged file hides none of the others;
* what a kill left behind is not taken for a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from modwarden.pki._pem import load_certificates, load_crls
from modwarden.pki.crl import Revocation, crl_files, revocations_of
from modwarden.pki.errors import PkiInputError
from modwarden.pki.store import CERTIFICATE, CHAIN, KEY, Kind
from modwarden.pki.terms import common_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from cryptography import x509

    from modwarden.pki.store import Lineage, Store

# A serial number names a certificate only together with its issuer (RFC 5280 §4.1.2.2).
_Revoked: TypeAlias = "dict[tuple[x509.Name, int], Revocation]"
_AUTHORITIES = (Kind.ROOT, Kind.ISSUING, Kind.CA)


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate; `issuer` is the entry of the CA that signed it, where that is known here."""

    kind: Kind
    name: str
    generation: int
    is_current: bool
    path: Path
    certificate: x509.Certificate
    revocation: Revocation | None = None
    issuer: Entry | None = None

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:x}"

    @property
    def is_ours(self) -> bool:
        """Whether this PKI signed it."""
        ours = (Kind.ROOT, Kind.ISSUING)
        return self.kind in ours or (self.issuer is not None and self.issuer.kind is Kind.ISSUING)

    @property
    def has_key(self) -> bool:
        """Whether its key lies beside it."""
        return self.kind is not Kind.CA and (self.path.parent / KEY).is_file()

    @property
    def label(self) -> str:
        """Its name for people; a CA is called as its certificate calls it."""
        if self.kind not in _AUTHORITIES:
            return self.name
        called = common_name(self.certificate.subject)
        return f"{self.name}: {called}" if self.kind is Kind.CA else called

    def revoked_above(self) -> Entry | None:
        """Name the CA above it that is revoked, which ends all that it signed."""
        issuer = self.issuer
        if issuer is None or issuer.revocation is not None:
            return issuer
        return issuer.revoked_above()

    def is_valid(self, now: datetime) -> bool:
        """Whether peers accept it at this moment, as far as is known here."""
        begun = self.certificate.not_valid_before_utc <= now < self.certificate.not_valid_after_utc
        return begun and self.revocation is None and self.revoked_above() is None


@dataclass(frozen=True, slots=True)
class CrlEntry:
    """One CRL."""

    path: Path
    crl: x509.CertificateRevocationList


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that should hold a certificate or CRL, and does not."""

    path: Path
    what: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """All there is, CAs first; each name's generations oldest first."""

    entries: tuple[Entry, ...]
    crls: tuple[CrlEntry, ...]
    damages: tuple[Damage, ...]

    def named(self, kind: Kind, name: str) -> tuple[Entry, ...]:
        """List the generations of a name."""
        return tuple(entry for entry in self.entries if (entry.kind, entry.name) == (kind, name))

    def current(self, kind: Kind, name: str) -> Entry | None:
        """Give the newest generation of a name."""
        return next((entry for entry in self.named(kind, name) if entry.is_current), None)


def read_inventory(store: Store) -> Inventory:
    """
    Read every certificate and CRL.

    Raises:
        PkiInputError: there is no PKI here.
    """
    store.root()
    return _Reader(store).read()


class _Reader:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._damages: list[Damage] = []
        self._entries: list[Entry] = []

    def read(self) -> Inventory:
        crls = tuple(self._read_crls())
        revoked = {
            (entry.crl.issuer, line.serial): line for entry in crls for line in revocations_of(entry.crl)
        }
        self._add(Kind.ROOT, Kind.ROOT, 1, self._store.root_file, revoked, is_current=True)
        for lineage in self._store.lineages():
            self._read_lineage(lineage, revoked)
        return Inventory(tuple(self._entries), crls, tuple(self._damages))

    def _read_crls(self) -> Iterator[CrlEntry]:
        for path in filter(Path.is_file, crl_files(self._store)):
            try:
                yield from (CrlEntry(path, crl) for crl in load_crls(path))
            except PkiInputError as error:
                self._damages.append(Damage(path, error.what))

    def _read_lineage(self, lineage: Lineage, revoked: _Revoked) -> None:
        file = CHAIN if lineage.kind is Kind.CA else CERTIFICATE
        generations = lineage.generations()
        for generation in generations:
            path = lineage.folder(generation) / file
            is_current = generation == generations[-1]
            self._add(lineage.kind, lineage.name, generation, path, revoked, is_current=is_current)

    def _add(
        self, kind: Kind, name: str, generation: int, path: Path, revoked: _Revoked, *, is_current: bool
    ) -> None:
        try:
            certificates = load_certificates(path)
        except (PkiInputError, FileNotFoundError) as error:
            what = error.what if isinstance(error, PkiInputError) else "is gone"
            self._damages.append(Damage(path, what))
            return
        # A company's chain goes up to its root: from there down each finds its issuer among those before.
        for certificate in reversed(certificates):
            revocation = revoked.get((certificate.issuer, certificate.serial_number))
            issuer = _find_issuer(certificate, self._entries)
            self._entries.append(
                Entry(kind, name, generation, is_current, path, certificate, revocation, issuer)
            )


def _find_issuer(certificate: x509.Certificate, entries: Iterable[Entry]) -> Entry | None:
    """Find the CA that signed a certificate; a root has none."""
    return next(
        (
            entry
            for entry in entries
            if entry.kind in _AUTHORITIES and is_signed_by(certificate, entry.certificate)
        ),
        None,
    )


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether name and signature say that `issuer` issued it."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
