"""What a certificate says of its holder: name, addresses, role."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from modwarden.pki.errors import PkiInputError
from modwarden.pki.role import read_role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modwarden.model import RoleName
    from modwarden.pki.store import Kind

# The name is a folder and a common name (RFC 5280 appendix A: at most 64 characters).
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label has a letter, so that a mistyped address is not taken for a name.
_DNS = re.compile(rf"(?:{_LABEL}\.)*(?=[a-z0-9-]*[a-z]){_LABEL}", re.ASCII)
_DNS_CHARACTERS = 253
_CRL_URL = re.compile(r"https?://[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a CA."""

    kind: Kind
    name: str
    addresses: tuple[x509.GeneralName, ...] = ()
    role: RoleName | None = None
    crl_url: str | None = None  # the folder; which CRL in it depends on who signs


def parse_name(text: str) -> str:
    """
    Take the name of a certificate's holder from the operator.

    Raises:
        PkiInputError: it cannot be a folder and a common name.
    """
    if not _NAME.fullmatch(text):
        hint = "use up to 64 letters, digits, '.', '_' and '-', a letter or digit first and last"
        raise PkiInputError(f"name {text!r}", "cannot be used", hint)
    return text


def parse_addresses(words: Iterable[str]) -> tuple[x509.GeneralName, ...]:
    """
    Take IP addresses and DNS names from the operator.

    Raises:
        PkiInputError: one is neither.
    """
    return tuple(dict.fromkeys(_address(word) for word in words))


def parse_crl_url(text: str) -> str:
    """
    Take the folder on the web where peers find the CRLs.

    Raises:
        PkiInputError: it is no URL of the web.
    """
    if not _CRL_URL.fullmatch(text):
        raise PkiInputError(f"--crl-url {text!r}", "is no URL", "write it like http://10.20.0.9/crls")
    return text.rstrip("/")


def terms_of(certificate: x509.Certificate, kind: Kind, name: str) -> Terms:
    """Say what a certificate was issued for, so that the next can say the same."""
    return Terms(
        kind, name, tuple(addresses_of(certificate)), read_role(certificate).role, _crl_url_of(certificate)
    )


def addresses_of(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """List what stands in subjectAltName."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value)


def common_name(name: x509.Name) -> str:
    """Give the common name for people, or the whole name where there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(str(found[0].value) if found else name.rfc4514_string())


def printable(text: str) -> str:
    """Give another CA's words without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _address(word: str) -> x509.GeneralName:
    with suppress(ValueError):
        address = ip_address(word)
        # An IPv6 zone id means something on one host only, and a certificate has no room for it.
        if getattr(address, "scope_id", None) is None:
            return x509.IPAddress(address)
    name = word.lower()
    if len(name) > _DNS_CHARACTERS or not _DNS.fullmatch(name):
        hint = (
            "write 10.10.0.2, fd00::2 or gate-1.plant.example; ports and ranges do not stand in certificates"
        )
        raise PkiInputError(f"--address {word!r}", "is neither an IP address nor a DNS name", hint)
    return x509.DNSName(name)


def _crl_url_of(certificate: x509.Certificate) -> str | None:
    try:
        points = certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(points, x509.CRLDistributionPoints)
    names = [name for point in points for name in point.full_name or ()]
    urls = [str(name.value) for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return urls[0].rpartition("/")[0] if urls else None
