"""Invariant tested: whatever the bytes are, reading a role ends in one of the standard's outcomes."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import example, given
from hypothesis import strategies as st
from tests.doubles.company_ca import carrying_twice, certificate, new_key, role

from modwarden.pki import PkiInputError, RoleOutcome, RoleReading, parse_role, parse_role_name, read_role
from modwarden.pki.role import role_extension

KEY = new_key()
# tag, length, text
OPERATOR = b"\x0c\x08" + b"Operator"
VIEWER = b"\x0c\x06" + b"Viewer"


def carrying(*values: bytes) -> x509.Certificate:
    return certificate("hmi-1", KEY, ("Works issuing CA", KEY), [role(value) for value in values])


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (b"", RoleOutcome.ILL_FORMED),
        (b"\x0c\x00", RoleOutcome.ILL_FORMED),  # an empty role
        (b"\x0c\x09Operator", RoleOutcome.ILL_FORMED),  # cut off
        (b"\x0c\x07Operator", RoleOutcome.ILL_FORMED),  # something left over
        (b"\x0c\x81\x08Operator", RoleOutcome.ILL_FORMED),  # a length longer than it need be
        (b"\x0c\x80Operator\x00\x00", RoleOutcome.ILL_FORMED),  # BER's length without end
        (b"\x2c\x0a" + OPERATOR, RoleOutcome.ILL_FORMED),  # BER's string in pieces
        (b"\x0c\x02\xc3\x28", RoleOutcome.ILL_FORMED),  # no UTF-8
        (b"\x0c\x03\xed\xa0\x80", RoleOutcome.ILL_FORMED),  # half a surrogate
        (b"\x1f\x8c\x00\x00", RoleOutcome.ILL_FORMED),  # a tag of several octets
        (b"Operator", RoleOutcome.ILL_FORMED),  # bare text
        (b"\x13\x08Operator", RoleOutcome.WRONG_TYPE),  # PrintableString
        (b"\x16\x08Operator", RoleOutcome.WRONG_TYPE),  # IA5String
        (b"\x1e\x04\x00O\x00p", RoleOutcome.WRONG_TYPE),  # BMPString
        (b"\x04\x08Operator", RoleOutcome.WRONG_TYPE),  # OCTET STRING
        (b"\x30\x0a" + OPERATOR, RoleOutcome.WRONG_TYPE),  # a list of one
        (b"\x30\x00", RoleOutcome.WRONG_TYPE),
        (OPERATOR + VIEWER, RoleOutcome.TWO_ROLES),
        (b"\x30\x12" + OPERATOR + VIEWER, RoleOutcome.TWO_ROLES),
        (b"\x31\x12" + OPERATOR + VIEWER, RoleOutcome.TWO_ROLES),
        (OPERATOR + b"\x13\x01a", RoleOutcome.ILL_FORMED),
    ],
)
def test_what_is_not_exactly_one_utf8string_is_no_role_and_says_why(
    value: bytes, outcome: RoleOutcome
) -> None:
    assert RoleReading(outcome) == read_role(carrying(value))


def test_a_certificate_with_the_extension_twice_has_two_roles() -> None:
    assert RoleReading(RoleOutcome.TWO_ROLES) == read_role(carrying_twice(KEY))


def test_a_certificate_without_the_extension_has_no_role() -> None:
    assert RoleReading(RoleOutcome.NO_ROLE) == read_role(carrying())


def test_another_extension_that_cannot_be_read_leaves_the_role_in_doubt() -> None:
    broken = x509.UnrecognizedExtension(x509.oid.ExtensionOID.KEY_USAGE, b"\x03\x09")
    found = certificate("hmi-1", KEY, ("Works issuing CA", KEY), [role(OPERATOR), (broken, False)])

    assert RoleReading(RoleOutcome.ILL_FORMED) == read_role(found)


@pytest.mark.parametrize(
    "text", ["Operator", "Ärztin", "a,b", " spaces around ", "r" * 127, "r" * 128, "r" * 70_000]
)
def test_the_whole_string_is_the_role(text: str) -> None:
    assert text == parse_role(role_extension(text).public_bytes()).role  # type: ignore[arg-type]


def test_a_role_is_encoded_as_the_standard_shows() -> None:
    assert role_extension(parse_role_name("Operator")).public_bytes() == OPERATOR


@given(st.binary(max_size=64))
@example(b"\x0c\x84\xff\xff\xff\xff")
@example(b"\x0c\xff")
def test_any_bytes_end_in_an_outcome(value: bytes) -> None:
    reading = parse_role(value)

    assert (reading.role is not None) == (reading.outcome is RoleOutcome.ROLE)
    assert reading.outcome is not RoleOutcome.NO_ROLE


@given(st.binary(max_size=64))
def test_any_bytes_in_a_certificate_end_as_they_do_alone(value: bytes) -> None:
    assert parse_role(value) == read_role(carrying(value))


@given(st.text(min_size=1, max_size=300))
def test_every_text_comes_back_and_with_one_byte_more_or_less_it_does_not(text: str) -> None:
    try:
        value = role_extension(text).public_bytes()  # type: ignore[arg-type]
    except UnicodeEncodeError:
        return

    assert text == parse_role(value).role
    assert parse_role(value[:-1]).outcome is RoleOutcome.ILL_FORMED
    assert parse_role(value + b"\x00").outcome is RoleOutcome.ILL_FORMED


@pytest.mark.parametrize(
    "text", ["", " ", " Operator", "Operator\n", "Oper\x1bator", "a\x00b", "\ud800", "r" * 256]
)
def test_a_role_that_peers_could_read_in_two_ways_is_not_issued(text: str) -> None:
    with pytest.raises(PkiInputError, match="role"):
        parse_role_name(text)
