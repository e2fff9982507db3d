"""Invariant tested: any bytes in place of a certificate are read, or end in the error that is declared."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.doubles.company_ca import certificate, company, new_key, pem

from modwarden.pki import PkiInputError, read_role
from modwarden.pki._pem import load_crls, parse_certificates

WORKS = company()
DER = WORKS.issue("hmi-1", new_key()).public_bytes(Encoding.DER)
WHERE = Path("file.pem")


def as_pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("data", [b"", b"words", DER, as_pem(b""), as_pem(b"\x30\x00"), as_pem(DER[:-1])])
def test_what_is_no_certificate_says_so_with_a_hint(data: bytes) -> None:
    with pytest.raises(PkiInputError, match=r"file\.pem: holds no certificate that can be read: give PEM"):
        parse_certificates(data, WHERE)


def test_a_serial_number_against_rfc_5280_is_refused_and_not_only_warned_of() -> None:
    key = new_key()
    one = certificate("hmi-1", key, ("hmi-1", key), serial=1).public_bytes(Encoding.DER)
    # version 3, serial number 1 → 0
    zero = one.replace(b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x00")

    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(PkiInputError, match="is not as RFC 5280 asks"),
    ):
        parse_certificates(as_pem(zero), WHERE)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_the_declared_error(data: bytes) -> None:
    for written in (data, as_pem(data)):
        with pytest.raises(PkiInputError):
            parse_certificates(written, WHERE)


@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_certificate_with_bytes_changed_is_read_or_ends_in_the_declared_error(
    changes: list[tuple[int, int]],
) -> None:
    der = bytearray(DER)
    for place, byte in changes:
        der[place] = byte
    try:
        found = parse_certificates(as_pem(bytes(der)), WHERE)
    except PkiInputError:
        return

    assert read_role(found[0]).role is None


@pytest.mark.parametrize("data", [b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_crl_says_so_with_a_hint(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "crl.pem"
    path.write_bytes(data)

    with pytest.raises(PkiInputError, match="holds no CRL that can be read: give PEM"):
        load_crls(path)


def test_several_in_one_file_come_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "crl.pem"
    path.write_bytes(b"words before\n" + pem(WORKS.crl([1]), WORKS.crl([2, 3])))

    assert [len(crl) for crl in load_crls(path)] == [1, 2]
    assert [WORKS.issuing, WORKS.root] == parse_certificates(pem(WORKS.issuing, WORKS.root), WHERE)
