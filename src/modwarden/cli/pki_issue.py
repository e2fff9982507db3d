"""`modwarden pki issue`: certificates for servers and clients."""

from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._options import JsonOption
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.pki import (
    Kind,
    Order,
    Terms,
    changing,
    issue,
    parse_addresses,
    parse_crl_url,
    parse_name,
    parse_role_name,
)

CrlUrlOption = Annotated[
    str | None,
    typer.Option("--crl-url", help="Where peers find PKI/crls on the web; stands in the certificate."),
]

app = typer.Typer(help="Issue a certificate.", no_args_is_help=True)


@app.command("server")
def server(  # noqa: PLR0917  (each option is a parameter)
    name: _pki.NameArgument,
    address: _pki.AddressOption,
    pki: _pki.PkiOption = DEFAULT_PKI,
    key: _pki.KeyOption = None,
    days: _pki.DaysOption = None,
    request: _pki.RequestOption = None,
    crl_url: CrlUrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a server's certificate: a guard towards its clients, or a device that speaks TLS."""
    url = None if crl_url is None else parse_crl_url(crl_url)
    terms = Terms(Kind.SERVER, parse_name(name), parse_addresses(address), crl_url=url)
    _issue(pki, terms, Order(days, key, request), as_json=as_json)


@app.command("client")
def client(  # noqa: PLR0917  (each option is a parameter)
    name: _pki.NameArgument,
    role: _pki.RoleOption,
    pki: _pki.PkiOption = DEFAULT_PKI,
    address: _pki.ClientAddressOption = None,
    key: _pki.KeyOption = None,
    days: _pki.DaysOption = None,
    request: _pki.RequestOption = None,
    crl_url: CrlUrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a client's certificate with its one role."""
    url = None if crl_url is None else parse_crl_url(crl_url)
    addresses = parse_addresses(address or ())
    terms = Terms(Kind.CLIENT, parse_name(name), addresses, parse_role_name(role), url)
    _issue(pki, terms, Order(days, key, request), as_json=as_json)


def _issue(pki: _pki.PkiOption, terms: Terms, order: Order, *, as_json: bool) -> None:
    moment = _pki.now()
    with changing(pki) as store:
        entry = issue(store, terms, order, moment)
    _pki.show_entry(entry, moment, as_json=as_json)
