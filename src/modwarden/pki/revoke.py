"""Revoke certificates, and sign CRLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modwarden.pki.authority import load_issuing
from modwarden.pki.crl import (
    ISSUING_CRL_DAYS,
    Revocation,
    issuing_crl,
    root_crl,
    sign_next_crl,
    write_bundle,
)
from modwarden.pki.errors import PkiInputError
from modwarden.pki.inventory import read_inventory
from modwarden.pki.issue import entry_to_change
from modwarden.pki.store import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from modwarden.pki.crl import Reason
    from modwarden.pki.inventory import Entry
    from modwarden.pki.profile import Authority
    from modwarden.pki.store import Store


def entries_to_revoke(
    store: Store, kind: Kind, name: str, now: datetime, *, serial: str | None = None
) -> tuple[Entry, ...]:
    """
    Choose what a revocation is about: all of a name that could still be used, or the one with a serial.

    Raises:
        PkiInputError: there is no such certificate, or another CA issued it.
    """
    own = [entry for entry in read_inventory(store).named(kind, name) if entry.is_ours]
    if not own:
        own = [entry_to_change(store, kind, name)]
    if serial is not None:
        own = [entry for entry in own if entry.serial.startswith(_plain(serial))]
    elif kind is Kind.ISSUING:
        own = [entry for entry in own if entry.is_current]
    chosen = [entry for entry in own if entry.revocation is None and _is_of_use(entry, now)]
    if not chosen or (serial is not None and len(chosen) > 1):
        what = "has several that begin so" if chosen else "has nothing left to revoke"
        raise PkiInputError(f"{kind} {name}", what, "`modwarden pki list --all` shows all there are")
    return tuple(chosen)


def revoke(store: Store, entries: Iterable[Entry], reason: Reason, now: datetime) -> None:
    """Put certificates of servers and clients on the CRLs of the issuing CAs that signed them."""
    by_issuer: dict[int, list[Entry]] = {}
    for entry in entries:
        assert entry.issuer is not None, "only what this PKI issued is revoked"
        by_issuer.setdefault(entry.issuer.generation, []).append(entry)
    for generation, revoked in by_issuer.items():
        lines = [Revocation(entry.certificate.serial_number, now, reason) for entry in revoked]
        sign_next_crl(issuing_crl(store, generation), load_issuing(store, generation), now, lines)
    write_bundle(store)


def revoke_issuing(
    store: Store, entries: Iterable[Entry], reason: Reason, root: Authority, now: datetime
) -> None:
    """Put issuing CAs on the root's CRL, which ends all that they signed."""
    lines = [Revocation(entry.certificate.serial_number, now, reason) for entry in entries]
    sign_next_crl(root_crl(store), root, now, lines)
    write_bundle(store)


def renew_issuing_crls(store: Store, now: datetime, days: int = ISSUING_CRL_DAYS) -> list[Path]:
    """Sign the CRL of each issuing CA that has not expired."""
    signed = []
    for generation in store.issuing().generations():
        issuing = load_issuing(store, generation)
        if now < issuing.certificate.not_valid_after_utc:
            path = issuing_crl(store, generation)
            sign_next_crl(path, issuing, now, days=days)
            signed.append(path)
    write_bundle(store)
    return signed


def renew_root_crl(store: Store, root: Authority, now: datetime, days: int) -> Path:
    """Sign the root's CRL."""
    path = root_crl(store)
    sign_next_crl(path, root, now, days=days)
    write_bundle(store)
    return path


def _plain(serial: str) -> str:
    """Take a serial number as other tools print it: in capitals, with colons, with zeros before it."""
    return serial.lower().replace(":", "").lstrip("0") or "none"


def _is_of_use(entry: Entry, now: datetime) -> bool:
    """What has expired is refused anyway; revoking the newest says that there will be no next."""
    return entry.is_current or now < entry.certificate.not_valid_after_utc
