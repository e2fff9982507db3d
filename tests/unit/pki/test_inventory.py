"""The inventory: what it says of each certificate, what it warns of, and what hides nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.doubles.company_ca import DAY, NOW, ca, certificate, company, new_key, pem

from modwarden.model import Finding, Severity
from modwarden.pki import (
    Entry,
    Kind,
    Order,
    PkiInputError,
    Reason,
    Store,
    check_inventory,
    days_left,
    import_ca,
    load_root,
    mark_of,
    read_inventory,
    renew,
    renew_issuing_crls,
    renew_root_crl,
    revoke,
    revoke_issuing,
)
from modwarden.pki.crl import Revocation

if TYPE_CHECKING:
    from pathlib import Path

SECOND = timedelta(seconds=1)


def no_passphrase(_: Path) -> bytes | None:
    return None


def found(store: Store, days: int, *, with_crls: bool = False) -> list[Finding]:
    """Find what there is so many days later; with CRLs signed that day, unless they are the point."""
    moment = NOW + days * DAY
    if not with_crls:
        renew_root_crl(store, load_root(store, None, no_passphrase, moment), moment, 365)
        renew_issuing_crls(store, moment)
    return check_inventory(store, read_inventory(store), moment)


def names(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.name, str(finding.severity)) for finding in findings]


def test_where_no_pki_is_there_is_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(PkiInputError, match="no PKI is there"):
        read_inventory(Store(tmp_path))


@pytest.mark.parametrize("damage", [b"", b"words", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_damaged_certificate_is_found_and_hides_no_other(
    store: Store, hmi: Entry, gate: Entry, damage: bytes
) -> None:
    hmi.path.write_bytes(damage)
    inventory = read_inventory(store)
    findings = check_inventory(store, inventory, NOW)

    assert inventory.current(Kind.CLIENT, "hmi-1") is None
    assert inventory.current(Kind.SERVER, "gate-1") == gate
    assert [("file-damaged", "error", str(hmi.path))] == [
        (finding.name, str(finding.severity), finding.origin.file) for finding in findings
    ]


def test_a_certificate_that_is_gone_is_found(store: Store, hmi: Entry) -> None:
    hmi.path.unlink()

    assert names(found(store, 0)) == [("file-damaged", "error")]


def test_a_crl_that_is_gone_or_damaged_is_found(store: Store) -> None:
    (store.crls / "root.pem").unlink()
    (store.crls / "issuing-1.pem").write_text("words")

    assert names(found(store, 0, with_crls=True)) == [("file-damaged", "error"), ("crl-missing", "error")]


def test_what_is_no_generation_is_no_certificate(store: Store, hmi: Entry) -> None:
    (store.path / "clients" / "hmi-1" / ".3.new").mkdir()
    (store.path / "clients" / "hmi-1" / "0").mkdir()
    (store.path / "clients" / "hmi-1" / "٣").mkdir()
    (store.path / "clients" / "hmi-2").mkdir()
    (store.path / "clients" / "notes.txt").touch()

    assert [hmi] == [entry for entry in read_inventory(store).entries if entry.kind is Kind.CLIENT]


@pytest.mark.parametrize(
    ("left", "mark"),
    [
        (91 * DAY, None),
        (90 * DAY + SECOND, None),
        (90 * DAY, 90),
        (30 * DAY + SECOND, 90),
        (30 * DAY, 30),
        (7 * DAY + SECOND, 30),
        (7 * DAY, 7),
        (SECOND, 7),
        (0 * DAY, 0),
        (-DAY, 0),
    ],
)
def test_a_mark_is_passed_at_its_second(left: timedelta, mark: int | None) -> None:
    assert mark == mark_of(NOW + left, NOW)


def test_days_left_are_whole_and_below_zero_afterwards() -> None:
    assert [days_left(NOW + left, NOW) for left in (2 * DAY - SECOND, DAY - SECOND, 0 * DAY, -SECOND)] == [
        1,
        0,
        0,
        -1,
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (309, []),
        (310, [("certificate-expires", "note")]),
        (370, [("certificate-expires", "note")]),
        (393, [("certificate-expires", "warning")]),
        (400, [("certificate-expired", "error")]),
        (900, [("certificate-expired", "error")]),
    ],
)
def test_expiry_is_found_quietly_then_loudly(
    store: Store, hmi: Entry, days: int, expected: list[tuple[str, str]]
) -> None:
    findings = found(store, days)

    assert expected == names(findings)
    assert all(finding.hint == f"modwarden pki renew client {hmi.name}" for finding in findings)


def test_what_was_renewed_may_expire_in_peace(store: Store, hmi: Entry) -> None:
    renew(store, Kind.CLIENT, hmi.name, Order(), NOW + 350 * DAY)

    assert found(store, 500) == []


def test_what_is_revoked_may_expire_in_peace(store: Store, hmi: Entry) -> None:
    revoke(store, [hmi], Reason.CESSATION_OF_OPERATION, NOW)

    assert found(store, 500) == []


def test_cas_expire_too(store: Store) -> None:
    hints = {finding.name: finding.hint for finding in found(store, 1825)}

    assert hints["certificate-expired"] == "modwarden pki renew issuing"
    assert (
        names(check_inventory(store, read_inventory(store), NOW + 7300 * DAY)[:2])
        == [("certificate-expired", "error")] * 2
    )


def test_a_crl_is_found_a_week_before_it_ends_and_afterwards(store: Store) -> None:
    assert found(store, 22, with_crls=True) == []
    assert names(found(store, 23, with_crls=True)) == [("crl-expires", "warning")]
    assert names(found(store, 30, with_crls=True)) == [("crl-expired", "error")]


def test_a_revoked_issuing_ca_is_found_with_all_that_it_signed(store: Store, hmi: Entry) -> None:
    issuing = read_inventory(store).current(Kind.ISSUING, "issuing")
    assert issuing is not None
    root = load_root(store, None, no_passphrase, NOW)
    revoke_issuing(store, [issuing], Reason.CA_COMPROMISE, root, NOW)
    findings = found(store, 0)

    assert names(findings) == [("ca-revoked", "error")] * 2
    assert f"{hmi.name} was issued by Northside issuing CA 1, which is revoked" == findings[1].message


def test_a_ca_revoked_far_above_ends_a_certificate_too(store: Store, hmi: Entry) -> None:
    root, issuing = read_inventory(store).entries[:2]
    revoked = replace(root, revocation=Revocation(root.certificate.serial_number, NOW))
    below = replace(hmi, issuer=replace(issuing, issuer=revoked))

    assert below.revoked_above() == revoked
    assert not below.is_valid(NOW)


def test_a_companys_cas_are_found_when_they_expire(store: Store, tmp_path: Path) -> None:
    works = company(issuing_end=NOW + 20 * DAY)
    (tmp_path / "works.pem").write_bytes(pem(works.root, works.issuing))
    import_ca(store, "works", tmp_path / "works.pem", NOW)
    findings = found(store, 0)

    assert names(findings) == [
        ("certificate-expires", "note"),
        ("crl-missing", "note"),
        ("crl-missing", "note"),
    ]
    assert findings[0].message.startswith("works: Works issuing CA expires on 2027-03-21, in 20 days")
    assert findings[0].severity is Severity.NOTE


def test_words_of_another_ca_cannot_write_to_the_terminal(store: Store, tmp_path: Path) -> None:
    key = new_key()
    evil = "Works\x1b]0;owned\x07"
    (tmp_path / "works.pem").write_bytes(pem(certificate(evil, key, (evil, key), [ca()])))
    entry = import_ca(store, "works", tmp_path / "works.pem", NOW)[0]

    assert entry.label == r"works: Works\x1b]0;owned\x07"
