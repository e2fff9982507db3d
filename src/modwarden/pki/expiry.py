"""What has run out or soon will, and what stands no longer: findings about an inventory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from modwarden.model import Finding, Origin, Severity
from modwarden.pki.crl import issuing_crl, root_crl
from modwarden.pki.store import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from modwarden.pki.inventory import CrlEntry, Entry, Inventory
    from modwarden.pki.store import Store

# Days left at which an inventory begins to say so, and at which it says so loudly.
MARKS = (7, 30, 90)
LOUD_DAYS = MARKS[0]

_DAY = timedelta(days=1)


def days_left(end: datetime, now: datetime) -> int:
    """Count whole days until something ends; below zero it has ended."""
    return (end - now) // _DAY


def mark_of(end: datetime, now: datetime) -> int | None:
    """Give the mark that was passed last: 90, 30, 7, or 0 where it has ended."""
    if now >= end:
        return 0
    return next((days for days in MARKS if end - now <= days * _DAY), None)


def check_inventory(store: Store, inventory: Inventory, now: datetime) -> list[Finding]:
    """Find what peers refuse, or will refuse within 90 days, and what is damaged."""
    return [
        *(
            _finding("file-damaged", Severity.ERROR, damage.path, damage.what, "restore it from a backup")
            for damage in inventory.damages
        ),
        *(finding for entry in inventory.entries if entry.is_current for finding in _check_entry(entry, now)),
        *(finding for entry in inventory.crls for finding in _check_crl(entry, now)),
        *_missing_crls(store, inventory, now),
        *_company_crls(inventory),
    ]


def _check_entry(entry: Entry, now: datetime) -> Iterator[Finding]:
    above = entry.revoked_above()
    if entry.revocation is not None:
        if entry.kind is Kind.ISSUING:
            what = f"{entry.label} is revoked"
            yield _finding("ca-revoked", Severity.ERROR, entry.path, what, _renewal(entry))
    elif above is not None:
        what = f"{entry.label} was issued by {above.label}, which is revoked"
        yield _finding("ca-revoked", Severity.ERROR, entry.path, what, "issue it anew")
    else:
        yield from _check_end(entry, now)


def _check_end(entry: Entry, now: datetime) -> Iterator[Finding]:
    end = entry.certificate.not_valid_after_utc
    mark = mark_of(end, now)
    if mark == 0:
        what = f"{entry.label} expired on {end:%Y-%m-%d}"
        yield _finding("certificate-expired", Severity.ERROR, entry.path, what, _renewal(entry))
    elif mark is not None:
        severity = Severity.WARNING if mark == LOUD_DAYS else Severity.NOTE
        what = f"{entry.label} expires on {end:%Y-%m-%d}, in {_days(end, now)}"
        yield _finding("certificate-expires", severity, entry.path, what, _renewal(entry))


def _check_crl(entry: CrlEntry, now: datetime) -> Iterator[Finding]:
    end = entry.crl.next_update_utc
    if end is None or not _is_loud(end, now):
        return
    hint = _crl_hint(entry.path)
    if now >= end:
        what = f"this CRL ended on {end:%Y-%m-%d}: peers that ask for one refuse every certificate of its CA"
        yield _finding("crl-expired", Severity.ERROR, entry.path, what, hint)
    else:
        what = f"this CRL ends on {end:%Y-%m-%d}, in {_days(end, now)}"
        yield _finding("crl-expires", Severity.WARNING, entry.path, what, hint)


def _missing_crls(store: Store, inventory: Inventory, now: datetime) -> Iterator[Finding]:
    there = {entry.path for entry in inventory.crls} | {damage.path for damage in inventory.damages}
    issuing = (entry for entry in inventory.entries if entry.kind is Kind.ISSUING)
    needed = [
        issuing_crl(store, entry.generation)
        for entry in issuing
        if now < entry.certificate.not_valid_after_utc
    ]
    for path in (root_crl(store), *needed):
        if path not in there:
            yield _finding(
                "crl-missing", Severity.ERROR, path, "this CRL is gone", "restore it from a backup"
            )


def _company_crls(inventory: Inventory) -> Iterator[Finding]:
    """A company may have none to give, so this is no more than a note."""
    there = {entry.crl.issuer for entry in inventory.crls}
    for entry in inventory.entries:
        if entry.kind is Kind.CA and entry.is_current and entry.certificate.subject not in there:
            what = f"no CRL of {entry.label} is here: peers that ask for one refuse all that it signed"
            hint = "modwarden pki import crl"
            yield _finding("crl-missing", Severity.NOTE, entry.path, what, hint)


def _renewal(entry: Entry) -> str:
    if entry.kind is Kind.ROOT:
        return "make a new PKI in another folder, and let peers trust both roots while they change over"
    if not entry.is_ours:
        return "ask its CA for the next one, then `modwarden pki import`"
    name = "" if entry.kind is Kind.ISSUING else f" {entry.name}"
    return f"modwarden pki renew {entry.kind}{name}"


def _crl_hint(path: Path) -> str:
    if path.name.startswith("root"):
        return "modwarden pki crl --with-root, with the root's key at hand"
    own = path.name.startswith("issuing-")
    return "modwarden pki crl" if own else "ask its CA for the next one, then `modwarden pki import crl`"


def _is_loud(end: datetime, now: datetime) -> bool:
    mark = mark_of(end, now)
    return mark is not None and mark <= LOUD_DAYS


def _days(end: datetime, now: datetime) -> str:
    days = days_left(end, now)
    return "1 day" if days == 1 else f"{days} days"


def _finding(name: str, severity: Severity, path: Path, what: str, hint: str) -> Finding:
    return Finding(name, severity, what, hint, Origin(str(path), 1))
