"""Take in what a company CA issued, once all of it belongs together.

Kept true here, and tested:
* a CA is trusted by a command of its own only, never because some certificate leads to it;
* a foreign key, a role that cannot be read or a chain that does not hold changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from modwarden.pki._files import unpublish_folder, write_file
from modwarden.pki._pem import load_certificates, load_crls, render_pem
from modwarden.pki.authority import has_key
from modwarden.pki.chain import check_authority, extension_of, is_authority, path_to_root
from modwarden.pki.crl import write_bundle
from modwarden.pki.errors import PkiInputError
from modwarden.pki.inventory import Entry, read_inventory
from modwarden.pki.keys import AskPassphrase, PrivateKey, check_public_key, load_key, render_key
from modwarden.pki.role import RoleOutcome, read_role
from modwarden.pki.store import CERTIFICATE, CHAIN, KEY, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from modwarden.pki.inventory import Inventory
    from modwarden.pki.store import Store

_PURPOSE = {Kind.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Kind.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}
_BAD_ROLES = {
    RoleOutcome.TWO_ROLES: "carries two roles",
    RoleOutcome.WRONG_TYPE: "has a role that is no UTF8String",
    RoleOutcome.ILL_FORMED: "has a role that cannot be read",
}


@dataclass(frozen=True, slots=True)
class Brought:
    """What the operator brings: a certificate, and its key unless that stays with its holder."""

    certificate: Path
    key: Path | None = None
    is_key_elsewhere: bool = False


def import_ca(store: Store, name: str, file: Path, now: datetime) -> tuple[Entry, ...]:
    """
    Take in a company CA: all certificates from the CA that issues up to its root.

    Raises:
        PkiInputError: they do not make one chain of CAs.
    """
    certificates = load_certificates(file)
    lowest = _lowest(certificates, file)
    check_authority(lowest, 0, file)
    path = path_to_root(lowest, certificates, now, file)
    if len(path) < len(certificates):
        raise PkiInputError(
            file, "holds certificates that are not part of one chain", "give one CA's chain a file"
        )
    _refuse_known(read_inventory(store), path, file)
    store.lineage(Kind.CA, name).publish({CHAIN: render_pem(path)})
    return read_inventory(store).named(Kind.CA, name)


def import_holder(
    store: Store, kind: Kind, name: str, brought: Brought, ask: AskPassphrase, now: datetime
) -> Entry:
    """
    Take in a certificate of a server or client that a company CA issued.

    Raises:
        PkiInputError: certificate, key and chain do not belong together, or peers could not use them.
    """
    path = _checked_path(store, kind, brought.certificate, now)
    files = {CERTIFICATE: render_pem(path[:1]), CHAIN: render_pem(path)}
    key = _key(store, kind, name, brought, ask)
    if key is not None:
        _check_pair(path[0], key, brought.certificate)
        files[KEY] = render_key(key)
    store.lineage(kind, name).publish(files)
    unpublish_folder(store.request_folder(kind, name))
    return next(entry for entry in read_inventory(store).named(kind, name) if entry.is_current)


def import_crls(store: Store, file: Path) -> list[Path]:
    """
    Take in CRLs of company CAs, each in place of the one before.

    Raises:
        PkiInputError: one is of no CA that was imported, or older than the one that is here.
    """
    authorities = [entry.certificate for entry in read_inventory(store).entries if entry.kind is Kind.CA]
    taken = [(_crl_path(store, _crl_issuer(crl, authorities, file)), crl) for crl in load_crls(file)]
    for path, crl in taken:
        if path.is_file() and load_crls(path)[0].last_update_utc > crl.last_update_utc:
            raise PkiInputError(file, "is older than the CRL that is here", "give the newest one")
    for path, crl in taken:
        write_file(path, render_pem([crl]))
    write_bundle(store)
    return [path for path, _ in taken]


def _checked_path(store: Store, kind: Kind, file: Path, now: datetime) -> tuple[x509.Certificate, ...]:
    leaf, *others = load_certificates(file)
    inventory = read_inventory(store)
    _check_use(leaf, kind, file)
    _refuse_known(inventory, [leaf], file)
    known = [entry.certificate for entry in inventory.entries if entry.kind is Kind.CA]
    path = path_to_root(leaf, [*known, *others], now, file)
    _check_root(path[-1], known, file)
    return path


def _lowest(certificates: list[x509.Certificate], file: Path) -> x509.Certificate:
    """Find the CA that none of the others names as its issuer; signatures are checked on the way up."""
    lowest = [
        certificate
        for certificate in certificates
        if not any(other is not certificate and other.issuer == certificate.subject for other in certificates)
    ]
    if len(lowest) != 1:
        raise PkiInputError(
            file, "holds certificates that are not part of one chain", "give one CA's chain a file"
        )
    return lowest[0]


def _refuse_known(inventory: Inventory, certificates: Iterable[x509.Certificate], file: Path) -> None:
    known = {entry.certificate: entry for entry in inventory.entries if entry.is_current}
    if all(certificate in known for certificate in certificates):
        entry = next(known[certificate] for certificate in certificates)
        raise PkiInputError(file, f"is here already, as {entry.path}", "there is nothing to import")


def _check_use(leaf: x509.Certificate, kind: Kind, file: Path) -> None:
    if is_authority(leaf):
        raise PkiInputError(
            file, "begins with a CA's certificate", f"put the {kind}'s own first, its CAs after it"
        )
    if not _serves(leaf, kind):
        raise PkiInputError(
            file, f"may not be used for a TLS {kind} (extended key usage)", "ask for one that may"
        )
    usage = extension_of(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        hint = "the suites of R-14 and R-62 need it: have it issued anew"
        raise PkiInputError(file, "may not sign a handshake (key usage)", hint)
    outcome = read_role(leaf).outcome
    if outcome in _BAD_ROLES:
        raise PkiInputError(
            file, _BAD_ROLES[outcome], "R-21, R-22 and R-65 ask for exactly one: have it issued anew"
        )


def _serves(leaf: x509.Certificate, kind: Kind) -> bool:
    """RFC 5280 §4.2.1.12: without the extension every purpose is permitted."""
    purposes = extension_of(leaf, x509.ExtendedKeyUsage)
    return purposes is None or bool(
        {_PURPOSE[kind], ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes)
    )


def _check_root(root: x509.Certificate, known: list[x509.Certificate], file: Path) -> None:
    if root not in known:
        hint = "if you trust that CA: `modwarden pki import ca`"
        raise PkiInputError(
            file, f"leads to {root.subject.rfc4514_string()!r}, which was never imported", hint
        )


def _key(store: Store, kind: Kind, name: str, brought: Brought, ask: AskPassphrase) -> PrivateKey | None:
    if brought.key is not None:
        return load_key(brought.key, ask)
    requested = store.request_folder(kind, name) / KEY
    if requested.is_file():
        return load_key(requested, ask)
    if brought.is_key_elsewhere:
        return None
    hint = "give it with --key, or say --key-elsewhere where it stays with its holder"
    raise PkiInputError(f"{kind} {name}", "comes without a key, and no signing request is out", hint)


def _check_pair(leaf: x509.Certificate, key: PrivateKey, file: Path) -> None:
    if not has_key(leaf, key):
        raise PkiInputError(file, "is for another key than the one given", "they do not belong together")


def _crl_issuer(
    crl: x509.CertificateRevocationList, authorities: list[x509.Certificate], file: Path
) -> x509.Certificate:
    for authority in authorities:
        key = check_public_key(authority.public_key(), file)
        if crl.issuer == authority.subject and crl.is_signature_valid(key):
            return authority
    what = f"holds a CRL of {crl.issuer.rfc4514_string()!r}, which is no imported CA's"
    raise PkiInputError(file, what, "import that CA first with `modwarden pki import ca`")


def _crl_path(store: Store, authority: x509.Certificate) -> Path:
    return store.crls / f"ca-{authority.fingerprint(hashes.SHA256()).hex()[:16]}.pem"
