"""`modwarden pki request`: ask a company CA for a certificate."""

from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.cli._printing import print_lines
from modwarden.pki import (
    KeyAlgorithm,
    Kind,
    Terms,
    changing,
    make_request,
    parse_addresses,
    parse_name,
    parse_role_name,
)

NewKeyOption = Annotated[KeyAlgorithm, typer.Option("--key", help="Kind of the new key.")]

app = typer.Typer(help="Make a key and a signing request for a company CA.", no_args_is_help=True)


@app.command("server")
def server(
    name: _pki.NameArgument,
    address: _pki.AddressOption,
    pki: _pki.PkiOption = DEFAULT_PKI,
    key: NewKeyOption = KeyAlgorithm.ECDSA_P256,
) -> None:
    """Make a signing request for a server."""
    _request(pki, Terms(Kind.SERVER, parse_name(name), parse_addresses(address)), key)


@app.command("client")
def client(
    name: _pki.NameArgument,
    role: _pki.RoleOption,
    pki: _pki.PkiOption = DEFAULT_PKI,
    address: _pki.ClientAddressOption = None,
    key: NewKeyOption = KeyAlgorithm.ECDSA_P256,
) -> None:
    """Make a signing request for a client; the CA must copy its role into the certificate."""
    terms = Terms(Kind.CLIENT, parse_name(name), parse_addresses(address or ()), parse_role_name(role))
    _request(pki, terms, key)


def _request(pki: _pki.PkiOption, terms: Terms, algorithm: KeyAlgorithm) -> None:
    with changing(pki) as store:
        request = make_request(store, terms, algorithm)
    print_lines(
        f"request  {request}: send this to the company's CA; the key beside it stays",
        f"then     modwarden pki import {terms.kind} {terms.name} FILE",
    )
