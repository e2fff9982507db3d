"""`modwarden pki crl`: sign the CRLs anew before they run out."""

from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.cli._printing import print_lines
from modwarden.pki import (
    ISSUING_CRL_DAYS,
    ROOT_CRL_DAYS,
    changing,
    load_root,
    read_inventory,
    renew_issuing_crls,
    renew_root_crl,
)


def command(
    pki: _pki.PkiOption = DEFAULT_PKI,
    days: Annotated[
        int, typer.Option("--days", min=1, max=_pki.MOST_DAYS, help="Until the next update.")
    ] = ISSUING_CRL_DAYS,
    with_root: Annotated[
        bool, typer.Option("--with-root", help="Sign the root's CRL too; needs the root's key.")
    ] = False,
    root_days: Annotated[int, typer.Option("--root-days", min=1, max=_pki.MOST_DAYS)] = ROOT_CRL_DAYS,
    root: _pki.RootOption = None,
    passphrase_file: _pki.PassphraseOption = None,
) -> None:
    """Sign the issuing CA's CRL anew, and write all CRLs into one file for peers."""
    moment = _pki.now()
    with changing(pki) as store:
        if with_root:
            ca = load_root(store, root, _pki.passphrase_asker(passphrase_file), moment)
            renew_root_crl(store, ca, moment, root_days)
        renew_issuing_crls(store, moment, days)
        crls = read_inventory(store).crls
    print_lines(*map(_pki.crl_line, crls), f"{pki / 'crl.pem'}: all of them, for peers")
