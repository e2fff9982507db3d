"""Issue and renew certificates of servers, clients and the issuing CA.

Kept true here, and tested:
* what a certificate says comes from the operator; of a signing request only the key is taken;
* a renewal says what the certificate before said, with a new key and serial number;
* nothing is issued that its CA would not outlast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from modwarden.pki._pem import UNREADABLE, render_pem
from modwarden.pki.authority import issuing_for_new
from modwarden.pki.create import ISSUING_DAYS, check_fits, next_issuing, organization_of
from modwarden.pki.crl import issuing_crl, web_form, write_bundle
from modwarden.pki.errors import PkiInputError
from modwarden.pki.inventory import read_inventory
from modwarden.pki.keys import (
    KeyAlgorithm,
    PrivateKey,
    PublicKey,
    algorithm_of,
    check_public_key,
    make_key,
    render_key,
)
from modwarden.pki.profile import holder_certificate, subject_of, validity
from modwarden.pki.store import CERTIFICATE, CHAIN, KEY, Kind
from modwarden.pki.terms import terms_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modwarden.pki.inventory import Entry
    from modwarden.pki.profile import Authority
    from modwarden.pki.store import Store
    from modwarden.pki.terms import Terms

# A year and a month: a plant that renews at its yearly stop is not late when the stop is.
HOLDER_DAYS = 400


@dataclass(frozen=True, slots=True)
class Order:
    """How to make a certificate: how long it lasts, and whose key it is."""

    days: int | None = None
    algorithm: KeyAlgorithm | None = None
    request: Path | None = None


def issue(store: Store, terms: Terms, order: Order, now: datetime) -> Entry:
    """
    Issue a certificate to a holder who has no valid one.

    Raises:
        PkiInputError: there is one, or it cannot be issued like this.
    """
    current = read_inventory(store).current(terms.kind, terms.name)
    if current is not None and current.is_valid(now):
        hint = f"renew it with `modwarden pki renew {terms.kind} {terms.name}`, or revoke it first"
        raise PkiInputError(f"{terms.kind} {terms.name}", "has a valid certificate", hint)
    return _issue(store, terms, order, now)


def renew(store: Store, kind: Kind, name: str, order: Order, now: datetime) -> Entry:
    """
    Issue the next certificate of a holder: the same words, a new key.

    Raises:
        PkiInputError: there is nothing to renew.
    """
    current = entry_to_change(store, kind, name)
    if current.revocation is not None:
        hint = f"if it shall have one again: modwarden pki issue {kind} {name}"
        raise PkiInputError(f"{kind} {name}", "is revoked", hint)
    if not current.has_key and order.request is None:
        hint = "have it make a new signing request, and give that with --request"
        raise PkiInputError(f"{kind} {name}", "holds its key itself", hint)
    algorithm = order.algorithm or algorithm_of(
        check_public_key(current.certificate.public_key(), current.path)
    )
    terms = terms_of(current.certificate, kind, name)
    return _issue(store, terms, Order(order.days, algorithm, order.request), now)


def renew_issuing(store: Store, root: Authority, order: Order, now: datetime) -> Entry:
    """
    Make the next issuing CA; what the one before signed stays valid.

    Raises:
        PkiInputError: it would outlast the root.
    """
    algorithm = order.algorithm or algorithm_of(root.key.public_key())
    next_issuing(store, root, algorithm, now, order.days or ISSUING_DAYS)
    write_bundle(store)
    return entry_to_change(store, Kind.ISSUING, Kind.ISSUING)


def entry_to_change(store: Store, kind: Kind, name: str) -> Entry:
    """
    Find the current certificate of a name, which this PKI issued.

    Raises:
        PkiInputError: there is none, or another CA issued it.
    """
    current = read_inventory(store).current(kind, name)
    if current is None:
        raise PkiInputError(
            f"{kind} {name}", "has no certificate here", "`modwarden pki list` shows all there are"
        )
    if not current.is_ours:
        hint = "ask that CA, and import what it gives with `modwarden pki import`"
        raise PkiInputError(f"{kind} {name}", "has its certificate from another CA", hint)
    return current


def _issue(store: Store, terms: Terms, order: Order, now: datetime) -> Entry:
    issuing = issuing_for_new(store, now)
    lasts = validity(now, order.days or HOLDER_DAYS)
    hint = "give fewer --days, or make the next issuing CA with `modwarden pki renew issuing`"
    check_fits(issuing.certificate, lasts.end, "the issuing CA", hint)
    key, public_key = _keys(order, issuing)
    root = store.root()
    subject = subject_of(organization_of(root), terms.name)
    crl = web_form(issuing_crl(store, store.issuing().generations()[-1])).name
    certificate = holder_certificate(subject, terms, public_key, issuing, lasts, crl)
    files = {
        CERTIFICATE: render_pem([certificate]),
        # the whole chain, down to the root.
        CHAIN: render_pem([certificate, issuing.certificate, root]),
    }
    if key is not None:
        files[KEY] = render_key(key)
    store.lineage(terms.kind, terms.name).publish(files)
    return entry_to_change(store, terms.kind, terms.name)


def _keys(order: Order, issuing: Authority) -> tuple[PrivateKey | None, PublicKey]:
    """Make a key, or take the public half from a request; by default of the issuing CA's kind."""
    if order.request is not None:
        return None, _requested_key(order.request)
    key = make_key(order.algorithm or algorithm_of(issuing.key.public_key()))
    return key, key.public_key()


def _requested_key(path: Path) -> PublicKey:
    try:
        request = x509.load_pem_x509_csr(path.read_bytes())
        is_signed = request.is_signature_valid
        key = request.public_key()
    except UNREADABLE as error:
        raise PkiInputError(
            path, "holds no signing request that can be read", "give PKCS#10 in PEM"
        ) from error
    if not is_signed:
        raise PkiInputError(path, "is not signed with its own key", "have it made anew")
    return check_public_key(key, path)
