"""Make a new PKI: a root, an issuing CA below it, and their first CRLs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from modwarden.pki._files import KEY, make_folder, publish_folder, staged_folder, write_file
from modwarden.pki._lock import locked
from modwarden.pki._pem import render_pem
from modwarden.pki.crl import (
    ISSUING_CRL_DAYS,
    ROOT_CRL_DAYS,
    first_crl,
    issuing_crl,
    root_crl,
    write_bundle,
)
from modwarden.pki.errors import PkiInputError
from modwarden.pki.keys import KeyAlgorithm, make_key, render_key
from modwarden.pki.profile import Authority, issuing_certificate, root_certificate, subject_of, validity
from modwarden.pki.store import CERTIFICATE, CHAIN, Store

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

# Replacing a root means a visit to every peer: not within a plant's usual life.
ROOT_DAYS = 7300
ISSUING_DAYS = 1825

# Common names hold 64 characters (RFC 5280 appendix A), and " issuing CA " with a number follows.
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new PKI shall be; where no `root_folder` is named the root's key goes into the PKI."""

    name: str
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256
    root_days: int = ROOT_DAYS
    issuing_days: int = ISSUING_DAYS
    root_folder: Path | None = None
    passphrase: bytes | None = None


def create_pki(path: Path, plan: Plan, now: datetime) -> Store:
    """
    Make a PKI that is there whole or not at all.

    Raises:
        PkiInputError: something is there already, or the plan cannot be.
    """
    path = path.absolute()
    _check_plan(plan, path)
    with locked(path.parent):
        for folder in (path, plan.root_folder):
            _refuse_taken(folder)
        with staged_folder(path) as staged:
            _fill(Store(staged), plan, now)
    return Store(path)


def next_issuing(store: Store, root: Authority, algorithm: KeyAlgorithm, now: datetime, days: int) -> int:
    """
    Add an issuing CA with a key of its own, which becomes the current one.

    Raises:
        PkiInputError: it would outlast the root.
    """
    generation = max(store.issuing().generations(), default=0) + 1
    lasts = validity(now, days)
    check_fits(root.certificate, lasts.end, "the root", "give fewer --days")
    key = make_key(algorithm)
    organization = organization_of(root.certificate)
    # A name of its own: by name a CRL finds its CA.
    name = subject_of(organization, f"{organization} issuing CA {generation}")
    certificate = issuing_certificate(name, key.public_key(), root, lasts)
    # The CRL first: without one peers refuse what this CA signs.
    crl = first_crl(Authority(certificate, key), now, ISSUING_CRL_DAYS)
    write_file(issuing_crl(store, generation), crl)
    files = {
        CERTIFICATE: render_pem([certificate]),
        CHAIN: render_pem([certificate, root.certificate]),
        KEY: render_key(key),
    }
    return store.issuing().publish(files)


def check_fits(issuer: x509.Certificate, end: datetime, who: str, hint: str) -> None:
    """
    Hold a certificate to its issuer's end: beyond it no peer would accept it.

    Raises:
        PkiInputError: it would last longer.
    """
    last = issuer.not_valid_after_utc
    if end > last:
        what = f"would last until {end:%Y-%m-%d}, longer than {who} ({last:%Y-%m-%d})"
        raise PkiInputError("the new certificate", what, hint)


def organization_of(certificate: x509.Certificate) -> str:
    """Give the PKI's name, which stands in all its certificates."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)


def _check_plan(plan: Plan, path: Path) -> None:
    if plan.root_folder is not None and plan.root_folder.absolute().is_relative_to(path):
        raise PkiInputError(
            plan.root_folder, "lies inside the PKI", "leave --root out, and take it away later"
        )
    name = plan.name
    if not name or name != name.strip() or not name.isprintable() or len(name) > _NAME_CHARACTERS:
        hint = f"use 1 to {_NAME_CHARACTERS} characters that print, without spaces around"
        raise PkiInputError(f"--name {name!r}", "cannot stand in certificates", hint)


def _refuse_taken(folder: Path | None) -> None:
    if folder is None or not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        hint = "name a folder that is not there yet: keys are never overwritten"
        raise PkiInputError(folder, "is there already", hint)


def _fill(store: Store, plan: Plan, now: datetime) -> None:
    key = make_key(plan.algorithm)
    name = subject_of(plan.name, f"{plan.name} root CA")
    root = Authority(root_certificate(name, key, validity(now, plan.root_days)), key)
    make_folder(store.crls)
    write_file(store.root_file, render_pem([root.certificate]))
    write_file(root_crl(store), first_crl(root, now, ROOT_CRL_DAYS))
    next_issuing(store, root, plan.algorithm, now, plan.issuing_days)
    write_bundle(store)
    # Last, where it may be another disk: a root's key without its PKI is of no use to anyone.
    publish_folder(plan.root_folder or store.root_folder, {KEY: render_key(key, plan.passphrase)})
