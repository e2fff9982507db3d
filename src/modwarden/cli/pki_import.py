"""`modwarden pki import`: take in a company CA, and what it issued."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._options import JsonOption
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.cli._printing import print_error, print_lines
from modwarden.pki import (
    Brought,
    Kind,
    RoleOutcome,
    addresses_of,
    changing,
    import_ca,
    import_crls,
    import_holder,
    parse_name,
    read_role,
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="In PEM.")]
CertificateKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        exists=True,
        dir_okay=False,
        help="Its key, kept here without a passphrase [that of the signing request].",
    ),
]
ElsewhereOption = Annotated[
    bool, typer.Option("--key-elsewhere", help="The key stays with its holder: watch the certificate only.")
]

app = typer.Typer(help="Take in a company CA, and what it issued.", no_args_is_help=True)


@app.command("ca")
def ca(name: _pki.NameArgument, file: FileArgument, pki: _pki.PkiOption = DEFAULT_PKI) -> None:
    """Take in a company CA's chain, up to its root: from now on it is trusted here."""
    with changing(pki) as store:
        entries = import_ca(store, parse_name(name), file, _pki.now())
    current = [entry for entry in entries if entry.is_current]
    print_lines(
        *(
            f"ca {entry.label}: valid until {entry.certificate.not_valid_after_utc:%Y-%m-%d}"
            for entry in current
        ),
        f"chain  {current[0].path.parent.parent / 'current' / current[0].path.name}",
    )


@app.command("crl")
def crl(file: FileArgument, pki: _pki.PkiOption = DEFAULT_PKI) -> None:
    """Take in the CRLs of company CAs, and add them to the file for peers."""
    with changing(pki) as store:
        taken = import_crls(store, file)
    print_lines(*(f"crl    {path}" for path in taken))


@app.command("server")
def server(
    name: _pki.NameArgument,
    file: FileArgument,
    pki: _pki.PkiOption = DEFAULT_PKI,
    key: CertificateKeyOption = None,
    key_elsewhere: ElsewhereOption = False,
    passphrase_file: _pki.PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a server's certificate."""
    _import(pki, Kind.SERVER, name, Brought(file, key, key_elsewhere), passphrase_file, as_json=as_json)


@app.command("client")
def client(
    name: _pki.NameArgument,
    file: FileArgument,
    pki: _pki.PkiOption = DEFAULT_PKI,
    key: CertificateKeyOption = None,
    key_elsewhere: ElsewhereOption = False,
    passphrase_file: _pki.PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a client's certificate."""
    _import(pki, Kind.CLIENT, name, Brought(file, key, key_elsewhere), passphrase_file, as_json=as_json)


def _import(
    pki: Path, kind: Kind, name: str, brought: Brought, passphrase_file: Path | None, *, as_json: bool
) -> None:
    ask = _pki.passphrase_asker(passphrase_file)
    moment = _pki.now()
    with changing(pki) as store:
        entry = import_holder(store, kind, parse_name(name), brought, ask, moment)
    _pki.show_entry(entry, moment, as_json=as_json)
    if kind is Kind.CLIENT and read_role(entry.certificate).outcome is RoleOutcome.NO_ROLE:
        print_error("note: it carries no role: no rule with `roles` will permit it anything")
    if kind is Kind.SERVER and not addresses_of(entry.certificate):
        print_error("note: it names no address (subjectAltName): clients that check one will refuse it")
