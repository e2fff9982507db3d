"""Certificate revocation lists: the record of what is revoked, and what peers are shown.

Kept true here, and tested:
* the CRL itself is the record, signed and replaced in one step; no second list can contradict it;
* nothing revoked comes back: a new CRL holds all of the one before, and without that one there is none;
* CRL numbers only grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from modwarden.pki._files import write_file
from modwarden.pki._pem import load_crls, render_pem
from modwarden.pki.errors import PkiInputError, PkiStoreError
from modwarden.pki.keys import PublicKey, check_public_key
from modwarden.pki.profile import CLOCK_SLACK, Authority, issued_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from modwarden.pki.store import Store

# The issuing CA's key is at hand, the root's in a safe. A CRL that runs out stops every handshake.
ISSUING_CRL_DAYS = 30
ROOT_CRL_DAYS = 365

_BUNDLE = "crl.pem"
_OWN = ("root", "issuing-")


class Reason(StrEnum):
    """Why a certificate is revoked (RFC 5280 §5.3.1); one that could be taken back is not among them."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    CA_COMPROMISE = "ca-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation-of-operation"
    PRIVILEGE_WITHDRAWN = "privilege-withdrawn"


_FLAGS = {
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.CA_COMPROMISE: x509.ReasonFlags.ca_compromise,
    Reason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    Reason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
}


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of a CRL; `reason` is the standard's word, whoever's CRL it is."""

    serial: int
    time: datetime
    reason: str = Reason.UNSPECIFIED


def root_crl(store: Store) -> Path:
    """Give the place of the root's CRL."""
    return store.crls / "root.pem"


def issuing_crl(store: Store, generation: int) -> Path:
    """Give the place of an issuing CA's CRL."""
    return store.crls / f"issuing-{generation}.pem"


def first_crl(authority: Authority, now: datetime, days: int) -> bytes:
    """Sign a CRL that lists nothing yet."""
    return render_pem([_signed(authority, [], _number(None, now), now, timedelta(days=days))])


def sign_next_crl(
    path: Path,
    authority: Authority,
    now: datetime,
    added: Iterable[Revocation] = (),
    days: int | None = None,
) -> x509.CertificateRevocationList:
    """
    Put a CRL in place of the one before: all that stood there, and what is added.

    Until the next update it is `days`; where they are not said, as long as last time.

    Raises:
        PkiStoreError: the one before is gone or not this CA's, and with it what was revoked.
    """
    previous = _previous(path, authority.certificate)
    lines = list(revocations_of(previous))
    known = {line.serial for line in lines}
    lines += [line for line in added if line.serial not in known]
    lasts = _span(previous) if days is None else timedelta(days=days)
    crl = _signed(authority, lines, _number(previous, now), now, lasts)
    write_file(path, render_pem([crl]))
    return crl


def revocations_of(crl: x509.CertificateRevocationList) -> Iterable[Revocation]:
    """List what a CRL revokes."""
    for line in crl:
        yield Revocation(line.serial_number, line.revocation_date_utc, _reason(line))


def number_of(crl: x509.CertificateRevocationList) -> int | None:
    """Give a CRL's number, where it has one."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def write_bundle(store: Store) -> None:
    """
    Write all CRLs into the one file that peers load, and each in the form in which they fetch it.

    Raises:
        PkiStoreError: one that belongs there is gone or damaged.
    """
    kept = {path: kept_crls(path) for path in crl_files(store)}
    _derive(store.path / _BUNDLE, render_pem(crl for crls in kept.values() for crl in crls))
    for path, crls in kept.items():
        # RFC 5280 §4.2.1.13: what a certificate points to is one CRL, in DER.
        _derive(web_form(path), crls[0].public_bytes(Encoding.DER))


def web_form(path: Path) -> Path:
    """Give the place of a CRL's copy for a web server."""
    return path.with_suffix(".crl")


def crl_files(store: Store) -> list[Path]:
    """List where CRLs are or should be; not those of an issuing CA that a kill kept from coming about."""
    own = [root_crl(store), *(issuing_crl(store, number) for number in store.issuing().generations())]
    companies = (path for path in sorted(store.crls.glob("*.pem")) if not path.name.startswith(_OWN))
    return [*own, *companies]


def kept_crls(path: Path) -> list[x509.CertificateRevocationList]:
    """
    Read a CRL of the PKI's own folder.

    Raises:
        PkiStoreError: it is gone or damaged.
    """
    hint = f"it alone says what was revoked: restore it from a backup, or from a peer's {_BUNDLE}"
    if not path.is_file():
        raise PkiStoreError(path, "is gone", hint)
    try:
        return load_crls(path)
    except PkiInputError as error:
        raise PkiStoreError(path, error.what, hint) from error


def _derive(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_file(path, data)


def _previous(path: Path, issuer: x509.Certificate) -> x509.CertificateRevocationList:
    for crl in kept_crls(path):
        if crl.issuer == issuer.subject and crl.is_signature_valid(_public_key(issuer)):
            return crl
    raise PkiStoreError(path, "is not signed by its CA", "restore it from a backup")


def _public_key(certificate: x509.Certificate) -> PublicKey:
    return check_public_key(certificate.public_key(), "CA")


def _span(crl: x509.CertificateRevocationList) -> timedelta:
    assert crl.next_update_utc is not None, "every CRL that is signed here has a next update"
    return crl.next_update_utc - crl.last_update_utc - CLOCK_SLACK


def _number(previous: x509.CertificateRevocationList | None, now: datetime) -> int:
    """Follow the clock, so that a CRL restored from a backup does not make numbers go back."""
    last = number_of(previous) if previous is not None else None
    return max((last or 0) + 1, int(now.timestamp()))


def _signed(
    authority: Authority, lines: list[Revocation], number: int, now: datetime, lasts: timedelta
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - CLOCK_SLACK)
        .next_update(now + lasts)
        .add_extension(*issued_by(authority.certificate))
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for line in lines:
        builder = builder.add_revoked_certificate(_line(line))
    return builder.sign(authority.key, hashes.SHA256())


def _line(revocation: Revocation) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder().serial_number(revocation.serial).revocation_date(revocation.time)
    )
    flag = _FLAGS.get(Reason(revocation.reason))
    # RFC 5280 §5.3.1: an unspecified reason is left out.
    return (builder if flag is None else builder.add_extension(x509.CRLReason(flag), critical=False)).build()


def _reason(line: x509.RevokedCertificate) -> str:
    try:
        flag = line.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return Reason.UNSPECIFIED
    return next((str(reason) for reason, known in _FLAGS.items() if known is flag), flag.name)
