"""The way from a certificate up to its root, each step checked in words.

The library's own verifier is made for the web's certificates and answers yes or no. An operator who
imports from a company CA needs to hear which certificate of the chain is amiss, and why. Name
constraints and policies of a company CA are left to the peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modwarden.pki.errors import PkiInputError
from modwarden.pki.inventory import is_signed_by
from modwarden.pki.keys import check_public_key
from modwarden.pki.terms import common_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNDERSTOOD = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.NameConstraints,
    x509.CertificatePolicies,
    x509.PolicyConstraints,
    x509.InhibitAnyPolicy,
)


def path_to_root(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime, where: Path
) -> tuple[x509.Certificate, ...]:
    """
    Find the way from a certificate to a root among `authorities`: itself first, the root last.

    Raises:
        PkiInputError: a step is missing or is none that peers would go.
    """
    path = [certificate]
    check_certificate(certificate, now, where)
    while not is_signed_by(path[-1], path[-1]):
        issuer = _issuer(path[-1], authorities, where)
        if issuer in path:
            raise PkiInputError(where, "goes round in a circle", "give the chain that leads to the root")
        check_certificate(issuer, now, where)
        check_authority(issuer, sum(map(is_authority, path)), where)
        path.append(issuer)
    return tuple(path)


def check_certificate(certificate: x509.Certificate, now: datetime, where: Path) -> None:
    """
    See that peers would take a certificate, whoever it is for.

    Raises:
        PkiInputError: it is out of its time, or its key, signature or an extension is none that they take.
    """
    who = f"{where}: {common_name(certificate.subject)!r}"
    if now >= certificate.not_valid_after_utc:
        end = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        raise PkiInputError(who, f"expired on {end}", "ask its CA for the next one")
    if now < certificate.not_valid_before_utc:
        start = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise PkiInputError(who, f"begins at {start}", "wait, or set this host's clock")
    check_public_key(certificate.public_key(), who)
    if not is_signed_by(certificate, certificate) and not isinstance(_hash_of(certificate), _HASHES):
        raise PkiInputError(who, "is signed with a weak or unknown hash", "have it issued with SHA-256")
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            what = f"has the critical extension {extension.oid.dotted_string}, which peers do not know"
            raise PkiInputError(who, what, "have it issued without")


def check_authority(certificate: x509.Certificate, below: int, where: Path) -> None:
    """
    See that a certificate may sign others, with so many CAs below it (RFC 5280 §6.1.4).

    Raises:
        PkiInputError: it may not, or not with so many below it.
    """
    who = f"{where}: {common_name(certificate.subject)!r}"
    if not is_authority(certificate):
        raise PkiInputError(who, "is no CA", "give the CA's certificate, not that of a server or client")
    constraints = extension_of(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.path_length is not None and below > constraints.path_length:
        raise PkiInputError(who, f"permits {constraints.path_length} CAs below it", "use a CA nearer to it")
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise PkiInputError(who, "may not sign certificates (key usage)", "give the CA that does")


def authorities_of(certificates: Iterable[x509.Certificate]) -> dict[str, str]:
    """
    Name the CAs among certificates by their public keys, as a digest, each with its common name.

    Two chains that share a digest share an authority, whatever its certificates say: whoever holds that
    key lets people in on both sides.
    """
    return {
        _key_digest(certificate): common_name(certificate.subject)
        for certificate in certificates
        if is_authority(certificate)
    }


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate says that it is a CA's."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def extension_of(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Give an extension's value, where the certificate has one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _issuer(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], where: Path
) -> x509.Certificate:
    who = f"{where}: {common_name(certificate.subject)!r}"
    called = common_name(certificate.issuer)
    named = [authority for authority in authorities if authority.subject == certificate.issuer]
    if not named:
        hint = "add that CA's certificate to the file, or import it with `modwarden pki import ca`"
        raise PkiInputError(who, f"was issued by {called!r}, which is not here", hint)
    signed = [authority for authority in named if is_signed_by(certificate, authority)]
    if not signed:
        what = f"names {called!r} as its CA but is not signed with that key"
        raise PkiInputError(
            who, what, "give the certificate of the CA that signed it: they do not belong together"
        )
    # A CA may have renewed its certificate and kept its key.
    return max(signed, key=lambda authority: authority.not_valid_after_utc)


def _hash_of(certificate: x509.Certificate) -> hashes.HashAlgorithm | None:
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None


def _key_digest(certificate: x509.Certificate) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()
