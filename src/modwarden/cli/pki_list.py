"""`modwarden pki list`: the inventory, and what runs out."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from modwarden.cli import _pki
from modwarden.cli._options import JsonOption
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.cli._printing import console, print_json, print_lines
from modwarden.model import Finding, Severity
from modwarden.pki import (
    CrlEntry,
    Entry,
    Store,
    check_inventory,
    days_left,
    mark_of,
    number_of,
    printable,
    read_inventory,
    read_role,
)

EXIT_FINDINGS = 1

_COLUMNS = ("kind", "name", "role", "issuer", "serial", "not before", "not after", "days left", "state")
# So much of a serial number names one among many, and `revoke --serial` takes it.
_SERIAL_DIGITS = 16
_STYLES: dict[int | None, str] = {0: "bold red", 7: "bold red", 30: "yellow", 90: "yellow"}


def command(
    pki: _pki.PkiOption = DEFAULT_PKI,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also what was renewed and is revoked or expired.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List certificates and CRLs; exit 1 where something has expired, or expires within 7 days."""
    moment = _pki.now()
    store = Store(pki)
    inventory = read_inventory(store)
    findings = check_inventory(store, inventory, moment)
    entries = [entry for entry in inventory.entries if show_all or entry.is_current or entry.is_valid(moment)]
    if as_json:
        print_json(
            {
                "certificates": [_pki.entry_json(entry, moment) for entry in inventory.entries],
                "crls": [_crl(entry, moment) for entry in inventory.crls],
                "findings": [_finding(finding) for finding in findings],
            }
        )
    else:
        console().print(_table(entries, moment))
        print_lines(*map(_pki.crl_line, inventory.crls))
        print_lines(*(f"{finding.severity}: {finding}" for finding in findings))
    if any(finding.severity is not Severity.NOTE for finding in findings):
        raise typer.Exit(EXIT_FINDINGS)


def _table(entries: list[Entry], moment: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        is_number = name == "days left"
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=name not in {"name", "issuer"}
        )
    for entry in entries:
        end = entry.certificate.not_valid_after_utc
        style = _STYLES.get(mark_of(end, moment), "")
        table.add_row(
            entry.kind,
            Text(entry.label),
            Text(_role(entry)),
            Text("ours" if entry.is_ours else entry.issuer.label if entry.issuer else "company"),
            entry.serial[:_SERIAL_DIGITS],
            f"{entry.certificate.not_valid_before_utc:%Y-%m-%d}",
            f"{end:%Y-%m-%d}",
            str(days_left(end, moment)),
            Text(_state(entry, moment), style=style),
        )
    return table


def _role(entry: Entry) -> str:
    reading = read_role(entry.certificate)
    if reading.role is not None:
        return printable(reading.role)
    return str(reading.outcome) if entry.kind == "client" else ""


def _state(entry: Entry, moment: datetime) -> str:
    """Say the one thing that matters most."""
    mark = mark_of(entry.certificate.not_valid_after_utc, moment)
    if entry.revocation is not None:
        return f"revoked {entry.revocation.time:%Y-%m-%d}: {entry.revocation.reason}"
    if entry.revoked_above() is not None:
        return "its CA is revoked"
    if mark is not None:
        return "expired" if mark == 0 else f"within {mark} days"
    return "" if entry.is_current else "renewed"


def _crl(entry: CrlEntry, moment: datetime) -> dict[str, Any]:
    end = entry.crl.next_update_utc
    return {
        "issuer": entry.crl.issuer.rfc4514_string(),
        "number": number_of(entry.crl),
        "revoked": len(entry.crl),
        "last_update": entry.crl.last_update_utc.isoformat(),
        "next_update": None if end is None else end.isoformat(),
        "days_left": None if end is None else days_left(end, moment),
        "file": str(entry.path),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    words = {"what": finding.message, "hint": finding.hint}
    return {"name": finding.name, "severity": finding.severity, "file": finding.origin.file, **words}
