"""The role in a client's certificate, as Modbus/TCP Security v36 writes it.

Kept true here, and tested:
* a role is never guessed: of anything but exactly one UTF8String there is none;
* the five outcomes stay apart, so that "no role" (R-23) is never taken for "not readable";
* whatever the bytes are, reading ends in one of the outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from modwarden.model import RoleName
from modwarden.pki._der import SEQUENCE, SET, UTF8_STRING, parse_elements, render_element
from modwarden.pki.errors import PkiInputError

ROLE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")
# R-65 has no bound. 255 is what the SunSpec profile allows, and some stacks misread longer ones.
ROLE_BYTES = 255

_CONSTRUCTED_UTF8_STRING = 0x2C  # X.690 §10.2: DER has no constructed strings


class RoleOutcome(StrEnum):
    """What a certificate says of its role."""

    ROLE = "role"
    NO_ROLE = "no_role"  # the NULL role
    TWO_ROLES = "two_roles"  # against R-65
    WRONG_TYPE = "wrong_type"  # against R-22
    ILL_FORMED = "ill_formed"


@dataclass(frozen=True, slots=True)
class RoleReading:
    """The outcome, and the role where there is one."""

    outcome: RoleOutcome
    role: RoleName | None = None


def read_role(certificate: x509.Certificate) -> RoleReading:
    """Read the role extension; whatever is in it is an outcome, never an exception."""
    try:
        found = certificate.extensions.get_extension_for_oid(ROLE_OID)
    except x509.ExtensionNotFound:
        return RoleReading(RoleOutcome.NO_ROLE)
    except x509.DuplicateExtension as error:
        # RFC 5280 §4.2: one of each. Two of another kind leave the whole list in doubt.
        return RoleReading(RoleOutcome.TWO_ROLES if error.oid == ROLE_OID else RoleOutcome.ILL_FORMED)
    except (ValueError, x509.UnsupportedGeneralNameType):
        return RoleReading(RoleOutcome.ILL_FORMED)
    return parse_role(found.value.public_bytes())


def parse_role(value: bytes) -> RoleReading:
    """Read the extension's value: exactly one UTF8String, the whole of which is the role."""
    try:
        elements = parse_elements(value)
        if len(elements) != 1:
            return RoleReading(_several(elements))
        tag, content = elements[0]
        if tag == UTF8_STRING:
            return _role(content)
        return RoleReading(_other_type(tag, content))
    except ValueError:  # DerError and UnicodeDecodeError are of that kind
        return RoleReading(RoleOutcome.ILL_FORMED)


def role_extension(role: RoleName) -> x509.UnrecognizedExtension:
    """Write a role as R-21 and R-22 ask for."""
    return x509.UnrecognizedExtension(ROLE_OID, render_element(UTF8_STRING, role.encode()))


def parse_role_name(text: str) -> RoleName:
    """
    Take a role from the operator.

    Raises:
        PkiInputError: peers would read it in different ways, or people could not read it at all.
    """
    where = f"role {text!r}"
    if not text or text != text.strip():
        raise PkiInputError(
            where, "is empty or has spaces around it", "some stacks cut them off: leave them out"
        )
    if not text.isprintable():
        raise PkiInputError(where, "has characters that do not print", "use letters, digits and spaces")
    if len(text.encode()) > ROLE_BYTES:
        raise PkiInputError(where, f"is longer than {ROLE_BYTES} bytes", "choose a shorter one")
    return RoleName(text)


def _several(elements: list[tuple[int, bytes]]) -> RoleOutcome:
    return RoleOutcome.TWO_ROLES if _are_roles(elements) else RoleOutcome.ILL_FORMED


def _other_type(tag: int, content: bytes) -> RoleOutcome:
    if tag == _CONSTRUCTED_UTF8_STRING:
        return RoleOutcome.ILL_FORMED
    if tag in {SEQUENCE, SET} and _are_roles(parse_elements(content)):
        return RoleOutcome.TWO_ROLES
    return RoleOutcome.WRONG_TYPE


def _are_roles(elements: list[tuple[int, bytes]]) -> bool:
    return len(elements) > 1 and all(tag == UTF8_STRING for tag, _ in elements)


def _role(content: bytes) -> RoleReading:
    """An empty string is no role that a rule could name, and no absent one either."""
    role = content.decode()
    return RoleReading(RoleOutcome.ROLE, RoleName(role)) if role else RoleReading(RoleOutcome.ILL_FORMED)
