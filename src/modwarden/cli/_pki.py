"""What the commands of `modwarden pki` share: options worded once, the clock, how certificates are shown."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from modwarden.cli._printing import print_json, print_lines
from modwarden.pki import (
    CHAIN,
    CURRENT,
    KEY,
    AskPassphrase,
    CrlEntry,
    Entry,
    KeyAlgorithm,
    Kind,
    PkiInputError,
    addresses_of,
    load_passphrase,
    parse_name,
    printable,
    read_role,
)
from modwarden.pki import days_left as count_days
from modwarden.pki import mark_of as find_mark

DEFAULT_PKI = Path("pki")
# A century: beyond it a number is a slip of the hand, and far beyond it no calendar.
MOST_DAYS = 36_500


class Renewable(StrEnum):
    """What can be renewed and revoked here."""

    SERVER = Kind.SERVER
    CLIENT = Kind.CLIENT
    ISSUING = Kind.ISSUING


PkiOption = Annotated[Path, typer.Option("--pki", metavar="DIR", readable=False, help="The PKI's folder.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The asset that it is for.")]
KindArgument = Annotated[Renewable, typer.Argument(metavar="KIND", help="server, client or issuing.")]
KindNameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Whose; not for the issuing CA.")
]
AddressOption = Annotated[
    list[str],
    typer.Option("--address", help="IP address or DNS name under which clients reach it; repeatable."),
]
ClientAddressOption = Annotated[
    list[str] | None, typer.Option("--address", help="IP address or DNS name of the client; repeatable.")
]
RoleOption = Annotated[str, typer.Option("--role", help="The role that it carries, as rules name it.")]
KeyOption = Annotated[
    KeyAlgorithm | None,
    typer.Option("--key", help="Kind of the new key [that of the CA, or of the certificate before]."),
]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, max=MOST_DAYS, help="How long it lasts.")]
RequestOption = Annotated[
    Path | None,
    typer.Option("--request", exists=True, help="Signing request of a device that keeps its own key."),
]
RootOption = Annotated[
    Path | None, typer.Option("--root", metavar="DIR", help="The folder with the root's key [PKI/root].")
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", exists=True, help="Holds the key's passphrase; else it is asked for."),
]


def now() -> datetime:
    """Read the clock, once for each command."""
    return datetime.now(UTC).replace(microsecond=0)


def named(kind: Renewable, name: str | None) -> str:
    """
    Take kind and name together: the issuing CA is the only one without a name.

    Raises:
        PkiInputError: one is missing or one too many.
    """
    if kind is Renewable.ISSUING and name is None:
        return str(kind)
    if kind is Renewable.ISSUING or name is None:
        hint = "write `server NAME`, `client NAME` or `issuing`"
        raise PkiInputError(kind, "takes no name" if name else "needs a name", hint)
    return parse_name(name)


def passphrase_asker(file: Path | None) -> AskPassphrase:
    """Take a passphrase from a file, or ask the person at the terminal, once a key turns out to have one."""

    def ask(key: Path) -> bytes | None:
        if file is not None:
            return load_passphrase(file)
        if not sys.stdin.isatty():
            return None
        return str(typer.prompt(f"Passphrase of {key}", hide_input=True)).encode()

    return ask


def show_entry(entry: Entry, moment: datetime, *, as_json: bool) -> None:
    """Say what was made, until when it lasts and where it lies."""
    if as_json:
        print_json(entry_json(entry, moment))
        return
    end = entry.certificate.not_valid_after_utc
    role = read_role(entry.certificate).role
    carries = f", role {printable(role)}" if role is not None else ""
    print_lines(
        f"{entry.kind} {entry.label}{carries}: valid until {end:%Y-%m-%d} ({count_days(end, moment)} days)",
        f"serial       {entry.serial}",
        f"certificate  {_place(entry, entry.path.name)}",
        *([f"chain        {_place(entry, CHAIN)}"] if entry.path.name != CHAIN else []),
        *([f"key          {_place(entry, KEY)}"] if entry.has_key else []),
    )


def entry_json(entry: Entry, moment: datetime) -> dict[str, Any]:
    """Give all that is known of a certificate, for programs."""
    certificate = entry.certificate
    reading = read_role(certificate)
    revocation = entry.revocation
    return {
        "kind": entry.kind,
        "name": entry.name,
        "generation": entry.generation,
        "is_current": entry.is_current,
        "is_ours": entry.is_ours,
        "is_valid": entry.is_valid(moment),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "addresses": [str(address.value) for address in addresses_of(certificate)],
        "role": reading.role,
        "role_outcome": reading.outcome,
        "serial": entry.serial,
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "days_left": count_days(certificate.not_valid_after_utc, moment),
        "mark": find_mark(certificate.not_valid_after_utc, moment),
        "revoked": None
        if revocation is None
        else {"time": revocation.time.isoformat(), "reason": revocation.reason},
        "has_key": entry.has_key,
        "file": str(entry.path),
    }


def crl_line(entry: CrlEntry) -> str:
    """Say what a CRL holds, and until when it serves."""
    end = entry.crl.next_update_utc
    until = "has no next update" if end is None else f"next update {end:%Y-%m-%d}"
    return f"crl {entry.path}: {len(entry.crl)} revoked, {until}"


def _place(entry: Entry, name: str) -> Path:
    """Name a file in the way that stays the same when the certificate is renewed."""
    return entry.path.parent.parent / CURRENT / name
