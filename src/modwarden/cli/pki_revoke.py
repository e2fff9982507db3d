"""`modwarden pki revoke`: a certificate must not be accepted any more."""

from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._pki import DEFAULT_PKI, Renewable
from modwarden.cli._printing import print_lines
from modwarden.pki import Kind, Reason, changing, entries_to_revoke, load_root, revoke, revoke_issuing


def command(
    kind: _pki.KindArgument,
    reason: Annotated[Reason, typer.Option("--reason", help="Why; stands in the CRL.")],
    name: _pki.KindNameArgument = None,
    pki: _pki.PkiOption = DEFAULT_PKI,
    serial: Annotated[
        str | None, typer.Option("--serial", help="Only the one whose serial number begins so.")
    ] = None,
    root: _pki.RootOption = None,
    passphrase_file: _pki.PassphraseOption = None,
) -> None:
    """Revoke all certificates of a name that are still valid, and sign the CRL that says so."""
    moment = _pki.now()
    with changing(pki) as store:
        entries = entries_to_revoke(store, Kind(kind), _pki.named(kind, name), moment, serial=serial)
        if kind is Renewable.ISSUING:
            ca = load_root(store, root, _pki.passphrase_asker(passphrase_file), moment)
            revoke_issuing(store, entries, reason, ca, moment)
        else:
            revoke(store, entries, reason, moment)
    print_lines(
        *(f"{entry.kind} {entry.label}: serial {entry.serial} is revoked ({reason})" for entry in entries),
        f"give {pki / 'crl.pem'} to every peer: none knows of it before",
    )
