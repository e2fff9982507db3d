"""A new PKI is there whole, for its owner alone, or not at all."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.doubles.company_ca import DAY, NOW, write_key

from modwarden.pki import PkiInputError, PkiStoreError, Plan, Store, changing, create_pki, load_root
from modwarden.pki._lock import locked
from modwarden.pki.keys import KeyAlgorithm, make_key
from modwarden.pki.store import kept_certificates

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = b"correct horse"


def nobody(path: Path) -> bytes | None:
    pytest.fail(f"a passphrase was asked for: {path}")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_that_holds_something_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "notes").write_text("mine")

    with pytest.raises(PkiInputError, match="is there already: name a folder"):
        create_pki(tmp_path / "pki", Plan("Northside"), NOW)
    assert [tmp_path / "pki" / "notes"] == list((tmp_path / "pki").iterdir())


def test_a_key_folder_that_holds_something_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    write_key(tmp_path / "stick" / "key.pem", make_key(KeyAlgorithm.ECDSA_P256))
    before = (tmp_path / "stick" / "key.pem").read_bytes()

    with pytest.raises(PkiInputError, match="is there already"):
        create_pki(tmp_path / "pki", Plan("Northside", root_folder=tmp_path / "stick"), NOW)
    assert before == (tmp_path / "stick" / "key.pem").read_bytes()
    assert not (tmp_path / "pki").exists()


def test_a_key_folder_inside_the_pki_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PkiInputError, match="lies inside the PKI: leave --root out"):
        create_pki(tmp_path / "pki", Plan("Northside", root_folder=tmp_path / "pki" / "keys"), NOW)


@pytest.mark.parametrize("name", ["", " Northside", "a\nb", "\x1b[31m", "x" * 41])
def test_a_name_that_cannot_stand_in_certificates_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PkiInputError, match="cannot stand in certificates"):
        create_pki(tmp_path / "pki", Plan(name), NOW)
    assert not list(tmp_path.iterdir())


def test_an_issuing_ca_that_would_outlast_its_root_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(PkiInputError, match="longer than the root"):
        create_pki(tmp_path / "pki", Plan("Northside", root_days=100, issuing_days=101), NOW)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.fsync, [0]

    def fsync(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] > 8:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(OSError, match="No space left"):
        create_pki(tmp_path / "pki", Plan("Northside"), NOW)
    assert not list(tmp_path.iterdir())


def test_two_commands_never_change_a_pki_at_once(store: Store) -> None:
    with changing(store.path), pytest.raises(PkiStoreError, match="another pki command works here"):  # noqa: SIM117
        with changing(store.path):
            pytest.fail("both got in")
    with changing(store.path):
        pass


def test_two_inits_never_work_in_one_folder_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(PkiStoreError, match="another pki command works here"):
        create_pki(tmp_path / "pki", Plan("Northside"), NOW)


def test_where_no_pki_is_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PkiInputError, match=r"no PKI is there: make one with `modwarden pki init"):  # noqa: SIM117
        with changing(tmp_path):
            pytest.fail("there is none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_the_worlds_fault(store: Store) -> None:
    store.path.chmod(0)
    try:
        with pytest.raises(PermissionError), changing(store.path):
            pytest.fail("it could be read")
    finally:
        store.path.chmod(0o700)


def test_a_damaged_root_certificate_is_told(store: Store) -> None:
    store.root_file.write_bytes(store.root_file.read_bytes()[:100])

    with pytest.raises(PkiStoreError, match="restore it from a backup"):
        store.root()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_keys_are_0600_and_folders_0700_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        create_pki(tmp_path / "pki", Plan("Northside", root_folder=tmp_path / "stick"), NOW)
    finally:
        os.umask(before)
    paths = [tmp_path / "pki", *(tmp_path / "pki").rglob("*"), tmp_path / "stick"]
    keys = [*(tmp_path / "pki").rglob("key.pem"), *(tmp_path / "stick").rglob("key.pem")]

    assert {0o600} == {mode(key) for key in keys}
    assert {0o700} == {mode(path) for path in paths if path.is_dir() and not path.is_symlink()}
    assert {0o644} == {mode(path) for path in paths if path.is_file() and path.name != "key.pem"}


def test_without_the_roots_folder_the_roots_key_is_not_there(store: Store, tmp_path: Path) -> None:
    store.root_folder.rename(tmp_path / "safe")

    with pytest.raises(PkiInputError, match="the root's key is not there: bring the root's folder back"):
        load_root(store, None, nobody, NOW)
    assert load_root(store, tmp_path / "safe", nobody, NOW).certificate == store.root()


def test_another_roots_key_is_refused(store: Store, tmp_path: Path) -> None:
    create_pki(tmp_path / "other", Plan("Southside"), NOW)

    with pytest.raises(PkiInputError, match="is not the key of this CA's certificate"):
        load_root(store, tmp_path / "other" / "root", nobody, NOW)


def test_a_root_out_of_its_time_signs_nothing(store: Store) -> None:
    with pytest.raises(PkiInputError, match="the root: expired on 2047-02-24"):
        load_root(store, None, nobody, NOW + 7300 * DAY)
    with pytest.raises(PkiInputError, match="this host's clock is before that: set the clock"):
        load_root(store, None, nobody, NOW - 2 * timedelta(hours=1))


def test_the_roots_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    store = create_pki(tmp_path / "pki", Plan("Northside", passphrase=PASSPHRASE), NOW)

    with pytest.raises(PkiInputError, match="does not open"):
        load_root(store, None, lambda _: b"wrong", NOW)
    assert load_root(store, None, lambda _: PASSPHRASE, NOW).certificate == store.root()


def test_an_empty_folder_may_become_a_pki(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki").chmod(0o755)
    store = create_pki(tmp_path / "pki", Plan("Northside"), NOW)

    assert mode(store.path) == 0o700
    assert len(kept_certificates(store.issuing().path / "current" / "chain.pem")) == 2
