"""Revoke: what was revoked stays so, and every CRL holds all of the one before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.doubles.company_ca import DAY, NOW, company, pem

from modwarden.pki import (
    Brought,
    Entry,
    Kind,
    Order,
    PkiInputError,
    PkiStoreError,
    Reason,
    Store,
    Terms,
    changing,
    entries_to_revoke,
    import_ca,
    import_holder,
    issue,
    load_root,
    number_of,
    read_inventory,
    renew,
    renew_issuing,
    renew_issuing_crls,
    renew_root_crl,
    revoke,
    revoke_issuing,
)
from modwarden.pki._pem import load_crls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509


def no_passphrase(_: Path) -> bytes | None:
    return None


def issuing_crl(store: Store, generation: int = 1) -> x509.CertificateRevocationList:
    return load_crls(store.crls / f"issuing-{generation}.pem")[0]


def listed(store: Store) -> set[int]:
    """All serial numbers in the file for peers."""
    return {line.serial_number for crl in load_crls(store.path / "crl.pem") for line in crl}


def test_what_is_not_there_cannot_be_revoked(store: Store) -> None:
    with pytest.raises(PkiInputError, match="client hmi-1: has no certificate here"):
        entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW)


def test_what_is_revoked_cannot_be_revoked_again(store: Store, hmi: Entry) -> None:
    revoke(store, [hmi], Reason.UNSPECIFIED, NOW)

    with pytest.raises(PkiInputError, match="has nothing left to revoke"):
        entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW)


@pytest.mark.parametrize("serial", ["", "0", "00:00", "zz"])
def test_a_serial_number_that_names_none_is_refused(store: Store, hmi: Entry, serial: str) -> None:
    for wanted in (serial, f"{hmi.serial}0"):
        with pytest.raises(PkiInputError, match="has nothing left to revoke"):
            entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW, serial=wanted)


def test_a_serial_number_that_names_several_is_refused(store: Store, hmi: Entry) -> None:
    while renew(store, Kind.CLIENT, "hmi-1", Order(), NOW).serial[0] != hmi.serial[0]:
        pass

    with pytest.raises(PkiInputError, match="has several that begin so"):
        entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW, serial=hmi.serial[0])


def test_another_cas_certificate_is_not_ours_to_revoke(store: Store, tmp_path: Path) -> None:
    works = company()
    (tmp_path / "works.pem").write_bytes(pem(works.issuing, works.root))
    (tmp_path / "hmi.pem").write_bytes(pem(works.issue("hmi-1", works.issuing_key)))
    import_ca(store, "works", tmp_path / "works.pem", NOW)
    brought = Brought(tmp_path / "hmi.pem", is_key_elsewhere=True)
    import_holder(store, Kind.CLIENT, "hmi-1", brought, no_passphrase, NOW)

    with pytest.raises(PkiInputError, match="has its certificate from another CA: ask that CA"):
        entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW)


@pytest.mark.parametrize("damage", ["gone", "cut", "foreign"])
def test_without_the_crl_before_no_new_one_is_signed(store: Store, hmi: Entry, damage: str) -> None:
    path = store.crls / "issuing-1.pem"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:80] if damage == "cut" else pem(company().crl()))

    with pytest.raises(PkiStoreError, match=r"issuing-1\.pem: .*restore it from a backup"):
        revoke(store, [hmi], Reason.UNSPECIFIED, NOW)


def test_a_crl_that_is_gone_does_not_hold_up_a_renewal(store: Store, hmi: Entry) -> None:
    (store.crls / "issuing-1.pem").unlink()
    with changing(store.path) as changed:
        renewed = renew(changed, Kind.CLIENT, "hmi-1", Order(), NOW)

    assert hmi.generation + 1 == renewed.generation


def test_all_of_a_name_that_is_still_valid_is_revoked(store: Store, hmi: Entry) -> None:
    renewed = renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    chosen = entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW)
    revoke(store, chosen, Reason.KEY_COMPROMISE, NOW)

    assert {hmi.certificate.serial_number, renewed.certificate.serial_number} == listed(store)


def test_one_of_several_is_revoked_by_its_serial_number(store: Store, hmi: Entry) -> None:
    renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    chosen = entries_to_revoke(
        store, Kind.CLIENT, "hmi-1", NOW, serial=f"0{hmi.serial[:1]}:{hmi.serial[1:16]}".upper()
    )

    assert [hmi.serial] == [entry.serial for entry in chosen]


def test_what_expired_is_revoked_only_where_it_is_the_newest(store: Store, hmi: Entry) -> None:
    renewed = renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    chosen = entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW + 500 * DAY)

    assert [renewed.serial] == [entry.serial for entry in chosen]
    assert hmi.generation == 1


def test_a_crl_holds_all_of_the_one_before_with_its_times_and_reasons(
    store: Store, hmi: Entry, gate: Entry
) -> None:
    revoke(store, [hmi], Reason.KEY_COMPROMISE, NOW)
    revoke(store, [gate], Reason.UNSPECIFIED, NOW + DAY)
    renew_issuing_crls(store, NOW + 2 * DAY)
    inventory = read_inventory(store)
    first = inventory.current(Kind.CLIENT, "hmi-1")
    second = inventory.current(Kind.SERVER, "gate-1")

    assert first is not None
    assert first.revocation is not None
    assert (first.revocation.time, first.revocation.reason) == (NOW, "key-compromise")
    assert second is not None
    assert second.revocation is not None
    assert (second.revocation.time, second.revocation.reason) == (NOW + DAY, "unspecified")


def test_a_crl_begins_earlier_for_clocks_that_are_behind_and_lasts_as_long_as_the_one_before(
    store: Store, hmi: Entry
) -> None:
    renew_issuing_crls(store, NOW, days=90)
    revoke(store, [hmi], Reason.SUPERSEDED, NOW + DAY)
    crl = issuing_crl(store)

    assert NOW + DAY - timedelta(hours=1) == crl.last_update_utc
    assert crl.next_update_utc == NOW + 91 * DAY


def test_crl_numbers_grow_within_one_second_and_when_the_clock_goes_back(store: Store) -> None:
    numbers = [number_of(issuing_crl(store))]
    for moment in (NOW, NOW, NOW - DAY, NOW + DAY):
        renew_issuing_crls(store, moment)
        numbers.append(number_of(issuing_crl(store)))

    assert numbers == sorted({number for number in numbers if number is not None})


def test_a_revoked_issuing_ca_ends_all_that_it_signed_and_nothing_else(
    store: Store, hmi: Entry, client_of: Callable[..., Terms]
) -> None:
    root = load_root(store, None, no_passphrase, NOW)
    renew_issuing(store, root, Order(), NOW)
    later = issue(store, client_of("hmi-2"), Order(), NOW)
    old = read_inventory(store).named(Kind.ISSUING, "issuing")[0]
    revoke_issuing(store, [old], Reason.CA_COMPROMISE, root, NOW)
    inventory = read_inventory(store)

    assert not inventory.named(Kind.CLIENT, hmi.name)[0].is_valid(NOW)
    assert inventory.named(Kind.CLIENT, later.name)[0].is_valid(NOW)
    assert {old.certificate.serial_number} == listed(store)


def test_each_issuing_ca_revokes_what_it_signed(store: Store, hmi: Entry) -> None:
    renew_issuing(store, load_root(store, None, no_passphrase, NOW), Order(), NOW)
    renewed = renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    revoke(store, entries_to_revoke(store, Kind.CLIENT, "hmi-1", NOW), Reason.SUPERSEDED, NOW)

    assert [hmi.certificate.serial_number] == [line.serial_number for line in issuing_crl(store, 1)]
    assert [renewed.certificate.serial_number] == [line.serial_number for line in issuing_crl(store, 2)]


def test_the_file_for_peers_holds_the_crl_of_every_ca(store: Store) -> None:
    root = load_root(store, None, no_passphrase, NOW)
    renew_issuing(store, root, Order(), NOW)
    renew_root_crl(store, root, NOW, 100)
    found = load_crls(store.path / "crl.pem")

    assert [crl.issuer.rfc4514_string() for crl in found] == [
        "CN=Northside root CA,O=Northside",
        "CN=Northside issuing CA 1,O=Northside",
        "CN=Northside issuing CA 2,O=Northside",
    ]


def test_an_expired_issuing_ca_signs_no_crl(store: Store) -> None:
    assert renew_issuing_crls(store, NOW + 1825 * DAY) == []
