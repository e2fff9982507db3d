"""`modwarden pki renew`: the next certificate, with a new key."""

from modwarden.cli import _pki
from modwarden.cli._options import JsonOption
from modwarden.cli._pki import DEFAULT_PKI, Renewable
from modwarden.pki import Kind, Order, changing, load_root, renew, renew_issuing


def command(  # noqa: PLR0917  (each option is a parameter)
    kind: _pki.KindArgument,
    name: _pki.KindNameArgument = None,
    pki: _pki.PkiOption = DEFAULT_PKI,
    key: _pki.KeyOption = None,
    days: _pki.DaysOption = None,
    request: _pki.RequestOption = None,
    root: _pki.RootOption = None,
    passphrase_file: _pki.PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the next certificate: same name, addresses and role, new key. The one before stays valid."""
    wanted = _pki.named(kind, name)
    moment = _pki.now()
    order = Order(days, key, request)
    with changing(pki) as store:
        if kind is Renewable.ISSUING:
            ca = load_root(store, root, _pki.passphrase_asker(passphrase_file), moment)
            entry = renew_issuing(store, ca, order, moment)
        else:
            entry = renew(store, Kind(kind), wanted, order, moment)
    _pki.show_entry(entry, moment, as_json=as_json)
