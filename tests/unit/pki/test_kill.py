"""Invariant tested: killed at any step, a command leaves an inventory that reads, and the next one goes on.

A child process is killed before each of its calls that name a file, one after another, until it gets through.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.doubles.company_ca import NOW, company, pem

from modwarden.model import RoleName
from modwarden.pki import (
    Brought,
    Entry,
    KeyAlgorithm,
    Kind,
    Order,
    Plan,
    Reason,
    Store,
    Terms,
    changing,
    check_inventory,
    create_pki,
    entries_to_revoke,
    import_ca,
    import_holder,
    issue,
    load_root,
    make_request,
    read_inventory,
    renew,
    renew_issuing,
    revoke,
)
from modwarden.pki._pem import load_crls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KILLED = 9
_FAILED = 1
_STEPS = {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.chmod"}
# Far above what any command here takes: it ends a loop that would not.
_MOST_STEPS = 400


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed before its so many-th step; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            sys.addaudithook(_killer(step))
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001  (the parent sees it by the code)
            os._exit(_FAILED)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, _KILLED}, "the child failed by itself"
    return code == _KILLED


def _killer(step: int) -> Callable[[str, tuple[object, ...]], None]:
    left = [step]

    def hook(event: str, _: tuple[object, ...]) -> None:
        if event in _STEPS:
            left[0] -= 1
            if left[0] < 0:
                os._exit(_KILLED)

    return hook


def each_kill(work: Callable[[], object], begin_again: Callable[[], None]) -> Iterator[int]:
    """Kill `work` at each of its steps in turn, from the same beginning."""
    for step in range(_MOST_STEPS):
        begin_again()
        if not killed_at(step, work):
            assert step > 3, "no step was seen: the test tests nothing"
            return
        yield step
    pytest.fail("it never gets through")


def sound(store: Store) -> None:
    """See that whatever is there can be read, belongs together, and is nobody else's to read."""
    inventory = read_inventory(store)
    serials = [entry.serial for entry in inventory.entries]

    assert [str(finding) for finding in check_inventory(store, inventory, NOW)] == []
    assert len(serials) == len(set(serials))
    for path in store.path.rglob("*"):
        if path.name.startswith("key.pem"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for entry in inventory.entries:
        assert entry.kind is Kind.ROOT or (entry.path.parent / "key.pem").is_file()


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written; what a power cut could lose is the matter of test_files."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def again(store: Store, hmi: Entry, tmp_path: Path) -> Callable[[], None]:
    """Put the PKI back as it was before a command."""
    assert hmi.is_valid(NOW)
    kept = tmp_path / "kept"
    shutil.copytree(store.path, kept, symlinks=True)

    def begin_again() -> None:
        shutil.rmtree(store.path)
        shutil.copytree(kept, store.path, symlinks=True)

    return begin_again


def test_a_killed_init_leaves_a_whole_pki_or_none_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "pki"

    def begin_again() -> None:
        for found in tmp_path.iterdir():
            shutil.rmtree(found)

    for _ in each_kill(lambda: create_pki(path, Plan("Northside"), NOW), begin_again):
        if not path.exists():
            create_pki(path, Plan("Northside"), NOW)
        sound(Store(path))


def test_a_killed_issue_leaves_no_half_certificate_and_can_be_repeated(
    store: Store, again: Callable[[], None], client_of: Callable[..., Terms]
) -> None:
    def work() -> None:
        with changing(store.path) as changed:
            issue(changed, client_of("hmi-2"), Order(), NOW)

    for _ in each_kill(work, again):
        sound(store)
        if read_inventory(store).current(Kind.CLIENT, "hmi-2") is None:
            work()
        with changing(store.path) as changed:
            sound(changed)
        assert not [path for path in store.path.rglob(".*") if path.suffix == ".new" and path.is_dir()]


def test_a_killed_renewal_leaves_the_certificate_before_or_the_next(
    store: Store, again: Callable[[], None]
) -> None:
    def work() -> None:
        with changing(store.path) as changed:
            renew(changed, Kind.CLIENT, "hmi-1", Order(), NOW)

    for _ in each_kill(work, again):
        sound(store)
        lineage = store.lineage(Kind.CLIENT, "hmi-1")
        assert lineage.path.joinpath("current", "certificate.pem").is_file()
        with changing(store.path):
            pass
        assert lineage.path.joinpath("current").readlink().name == str(lineage.generations()[-1])


def test_a_killed_revocation_is_done_or_not_and_the_next_command_tells_peers(
    store: Store, again: Callable[[], None]
) -> None:
    def work() -> None:
        with changing(store.path) as changed:
            entries = entries_to_revoke(changed, Kind.CLIENT, "hmi-1", NOW)
            revoke(changed, entries, Reason.KEY_COMPROMISE, NOW)

    outcomes = set()
    for _ in each_kill(work, again):
        sound(store)
        entry = read_inventory(store).current(Kind.CLIENT, "hmi-1")
        assert entry is not None
        with changing(store.path):
            pass
        listed = {line.serial_number for crl in load_crls(store.path / "crl.pem") for line in crl}
        for_web = x509.load_der_x509_crl((store.crls / "issuing-1.crl").read_bytes())
        assert listed == {line.serial_number for line in for_web}
        assert listed == ({entry.certificate.serial_number} if entry.revocation else set())
        outcomes.add(entry.revocation is not None)
    assert {True, False} == outcomes


def test_a_killed_renewal_of_the_issuing_ca_leaves_no_ca_without_a_crl(
    store: Store, again: Callable[[], None]
) -> None:
    def work() -> None:
        with changing(store.path) as changed:
            root = load_root(changed, None, lambda _: None, NOW)
            renew_issuing(changed, root, Order(), NOW)

    for _ in each_kill(work, again):
        sound(store)
        work()
        sound(store)
        generations = store.issuing().generations()
        assert 1 + len(generations) == len(load_crls(store.path / "crl.pem"))


def test_a_killed_import_takes_in_all_or_nothing_and_can_be_repeated(
    store: Store, again: Callable[[], None], tmp_path: Path
) -> None:
    works = company()
    (tmp_path / "works.pem").write_bytes(pem(works.issuing, works.root))
    terms = Terms(Kind.CLIENT, "hmi-9", role=RoleName("Operator"))

    def begin_again() -> None:
        again()
        with changing(store.path) as changed:
            import_ca(changed, "works", tmp_path / "works.pem", NOW)
            request = make_request(changed, terms, KeyAlgorithm.ECDSA_P256)
        answer = works.answer(x509.load_pem_x509_csr(request.read_bytes()))
        (tmp_path / "hmi.pem").write_bytes(pem(answer))

    def work() -> None:
        brought = Brought(tmp_path / "hmi.pem")
        with changing(store.path) as changed:
            import_holder(changed, Kind.CLIENT, "hmi-9", brought, lambda _: None, NOW)

    for _ in each_kill(work, begin_again):
        entry = read_inventory(store).current(Kind.CLIENT, "hmi-9")
        if entry is None:
            work()
        else:
            assert (entry.path.parent / "key.pem").is_file()
            with changing(store.path) as changed:
                make_request(changed, terms, KeyAlgorithm.ECDSA_P256)
        assert not list((store.path / "requests").rglob("*.new"))
