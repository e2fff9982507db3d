"""The disk fails in mid-run: each conduit does what its operator chose, says so, and recovers."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.doubles.failing_disk import CHOICES, FailingDisk, no_file_may_grow, start_on_a_disk_that_can_fail
from tests.doubles.talk import read, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = 0x06
READ_ANSWER, WRITE_ANSWER = b"\x03\x02", b"\x06"
READ_BUSY, WRITE_BUSY = bytes((0x83, BUSY)), bytes((0x86, BUSY))

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FailingDisk]:
    with ExitStack() as ending:
        yield start_on_a_disk_that_can_fail(tmp_path, ending)


@pytest.fixture
def unopened(tmp_path: Path) -> Iterator[FailingDisk]:
    """A guard that started where its journal's directory cannot be made."""
    (tmp_path / "journal").write_text("not a directory")
    with ExitStack() as ending:
        yield start_on_a_disk_that_can_fail(tmp_path, ending)


def test_the_first_write_on_a_failed_disk_is_refused_and_never_reaches_the_server(disk: FailingDisk) -> None:
    with no_file_may_grow(disk.guard.pid):
        answer = disk.ask("deny_writes", write(0, 7))

    assert answer == WRITE_BUSY
    assert disk.plcs["deny_writes"].writes == []


@pytest.mark.parametrize(
    ("choice", "written", "was_read"),
    [
        ("deny_writes", WRITE_BUSY, READ_ANSWER),
        ("deny_all", WRITE_BUSY, READ_BUSY),
        ("permit", WRITE_ANSWER, READ_ANSWER),
    ],
)
def test_while_the_disk_fails_a_conduit_does_what_its_operator_chose(
    disk: FailingDisk, choice: str, written: bytes, was_read: bytes
) -> None:
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        write_answer, read_answer = disk.ask(choice, write(1, 7)), disk.ask(choice, read(1))
        reached = [found.address for found in disk.plcs[choice].writes]

    assert write_answer.startswith(written)
    assert read_answer.startswith(was_read)
    assert reached == ([1] if written == WRITE_ANSWER else [])


@pytest.mark.parametrize("choice", CHOICES)
def test_an_essential_rule_passes_on_a_failed_disk_and_its_records_go_to_syslog(
    disk: FailingDisk, choice: str
) -> None:
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        answers = [disk.ask(choice, write(50, 4711)), disk.ask(choice, read(50))]
        lines = disk.syslog_lines()
        counted = disk.guard.status()["syslog"]
    rule = f"rule={choice.replace('_', '-')}-vital"

    assert answers == [write(50, 4711), b"\x03\x02" + (4711).to_bytes(2)]
    assert [found.values for found in disk.plcs[choice].writes] == [(4711,)]
    assert [line for line in lines if rule in line and "function_code=6 " in line and "values=[4711]" in line]
    assert [line for line in lines if rule in line and "function_code=3 " in line]
    assert all(line.startswith("<109>1 ") for line in lines)
    assert (counted["sent"], counted["lost"]) == (len(lines), 0)


def test_a_failed_disk_is_seen_in_status_and_metrics(disk: FailingDisk) -> None:
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        state = disk.journal_state()
        metrics = disk.guard.control.metrics()
        shown = disk.guard.ask("status", str(disk.guard.site)).stdout
    chosen = {conduit["name"]: conduit["on_journal_failure"] for conduit in disk.guard.status()["conduits"]}

    assert state["last_failure"]
    assert state["failures"] == 1
    assert f"ALARM the journal is down: {state['last_failure']}" in shown
    assert re.search(r"^modwarden_journal_up 0$", metrics, re.MULTILINE), metrics
    assert chosen == {choice.replace("_", "-"): choice for choice in CHOICES}


def test_when_the_disk_recovers_writes_pass_again_and_the_gap_is_a_row_of_the_record(
    disk: FailingDisk,
) -> None:
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        refused = disk.ask("deny_writes", write(2, 1))
        time.sleep(0.5)
    disk.wait_for_journal(is_up=True)
    passed = [disk.ask(choice, write(2, 2)) for choice in CHOICES]
    disk.talks["permit"].close()
    code = disk.guard.stop()
    rows = disk.guard.records()
    kinds = [row["kind"] for row in rows]
    verified = disk.guard.verify()

    assert refused == WRITE_BUSY
    assert passed == [write(2, 2)] * 3
    assert code == 0
    assert "journal.gap" in kinds
    assert (verified["findings"], verified["unproven_rows"]) == ([], 0)


def test_rows_that_waited_in_memory_while_the_disk_failed_are_in_the_record(disk: FailingDisk) -> None:
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        answer = disk.ask("permit", write(3, 4242))
    disk.wait_for_journal(is_up=True)
    assert disk.guard.stop() == 0, disk.guard.log
    rows = disk.guard.records("--function", "6")

    assert answer == write(3, 4242)
    assert [row["kind"] for row in rows if row.get("values") == [4242]] == ["request.permitted"]
    assert [row["kind"] for row in rows][-1] == "request.outcome"


def test_a_reload_works_while_the_disk_fails(disk: FailingDisk) -> None:
    before = disk.guard.status()["policy"]
    disk.guard.site.write_text(disk.guard.site.read_text().replace("0-9", "0-8"))
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        reloaded = disk.guard.control.reload()
        beyond = disk.ask("permit", write(9, 1))

    assert reloaded.is_in_force, reloaded.line
    assert disk.guard.status()["policy"] != before
    assert beyond == b"\x86\x01"


@pytest.mark.parametrize("has_file_in_its_place", [False, True])
def test_a_journal_directory_that_is_gone_stops_writes_and_they_pass_again_when_it_is_back(
    disk: FailingDisk, *, has_file_in_its_place: bool
) -> None:
    directory, away = disk.guard.journal, disk.guard.folder / "away"
    directory.rename(away)
    if has_file_in_its_place:
        directory.write_text("not a directory")
    disk.fail()
    refused, was_read = disk.ask("deny_writes", write(4, 1)), disk.ask("deny_writes", read(4))
    directory.unlink(missing_ok=True)
    away.rename(directory)
    disk.wait_for_journal(is_up=True)
    passed = disk.ask("deny_writes", write(4, 2))
    assert disk.guard.stop() == 0, disk.guard.log

    assert (refused, was_read[:2]) == (WRITE_BUSY, READ_ANSWER)
    assert passed == write(4, 2)
    assert [found.values for found in disk.plcs["deny_writes"].writes] == [(2,)]
    assert disk.guard.verify()["findings"] == []


def test_a_journal_directory_that_is_deleted_stops_writes_until_there_is_one_again(disk: FailingDisk) -> None:
    shutil.rmtree(disk.guard.journal)
    disk.fail()
    refused = disk.ask("deny_writes", write(4, 1))
    disk.guard.journal.mkdir()
    disk.wait_for_journal(is_up=True)
    passed = disk.ask("deny_writes", write(4, 2))
    assert disk.guard.stop() == 0, disk.guard.log

    assert (refused, passed) == (WRITE_BUSY, write(4, 2))
    assert [
        row["values"] for row in disk.guard.records("--kind", "request.permitted", "--function", "6")
    ] == [[2]]


def test_after_a_failure_no_segment_can_be_made_where_the_directory_is_not_one(disk: FailingDisk) -> None:
    directory, away = disk.guard.journal, disk.guard.folder / "away"
    with no_file_may_grow(disk.guard.pid):
        disk.fail()
        directory.rename(away)
        directory.write_text("not a directory")
    time.sleep(3)
    still_down, refused = disk.journal_state(), disk.ask("deny_writes", write(5, 1))
    directory.unlink()
    away.rename(directory)
    disk.wait_for_journal(is_up=True)
    passed = disk.ask("deny_writes", write(5, 2))

    assert still_down["up"] is False
    assert (refused, passed) == (WRITE_BUSY, write(5, 2))


@pytest.mark.parametrize(
    ("choice", "written", "was_read"),
    [
        ("deny_writes", WRITE_BUSY, READ_ANSWER),
        ("deny_all", WRITE_BUSY, READ_BUSY),
        ("permit", WRITE_ANSWER, READ_ANSWER),
    ],
)
def test_a_start_without_a_journal_does_what_its_operator_chose_until_it_can_be_opened(
    unopened: FailingDisk, choice: str, written: bytes, was_read: bytes
) -> None:
    answers = unopened.ask(choice, write(1, 7)), unopened.ask(choice, read(1))
    state = unopened.journal_state()
    shown = unopened.guard.ask("status", str(unopened.guard.site)).stdout
    unopened.guard.journal.unlink()
    unopened.wait_for_journal(is_up=True)
    passed = unopened.ask(choice, write(1, 8))
    assert unopened.guard.stop() == 0, unopened.guard.log
    rows = unopened.guard.records()
    asked = [row["kind"] for row in rows if row["kind"] in {"request.permitted", "request.denied"}]
    kinds = {written: "request.permitted", WRITE_BUSY: "request.denied", READ_BUSY: "request.denied"}

    assert answers[0].startswith(written)
    assert answers[1].startswith(was_read)
    assert asked[:2] == [kinds[written], kinds.get(was_read, "request.permitted")]
    assert (state["up"], state["next_sequence"]) == (False, 0)
    assert f"ALARM the journal is down: {state['last_failure']}" in shown
    assert "journal: alarm: down: " in unopened.guard.log
    assert passed == write(1, 8)
    assert "journal.gap" not in [row["kind"] for row in rows]
    assert unopened.guard.verify()["findings"] == []


@pytest.mark.needs_root
@pytest.mark.needs_tool("mount")
@pytest.mark.needs_tool("umount")
def test_a_disk_that_is_really_full_refuses_writes_and_recovers_when_space_is_made(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with ExitStack() as unmounting:
        _mount(tmp_path / "journal", unmounting)
        with ExitStack() as ending:
            disk = start_on_a_disk_that_can_fail(tmp_path, ending)
            ballast = tmp_path / "journal" / "ballast"
            _fill(ballast)
            _grow_until_full(disk)
            refused, was_read = disk.ask("deny_writes", write(6, 1)), disk.ask("deny_writes", read(6))
            failure = disk.journal_state()["last_failure"]
            ballast.unlink()
            disk.wait_for_journal(is_up=True)
            passed = disk.ask("deny_writes", write(6, 2))
            code = disk.guard.stop()
            verified = disk.guard.verify()

    assert (refused, was_read[:2], passed) == (WRITE_BUSY, READ_ANSWER, write(6, 2))
    assert "space" in failure
    assert code == 0
    assert verified["findings"] == []


def _mount(directory: Path, unmounting: ExitStack) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this system lets nobody mount: {mounted.stderr.decode().strip()}")
    unmounting.callback(subprocess.run, ["umount", str(directory)], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _grow_until_full(disk: FailingDisk) -> None:
    """What is left of the segment's last page still takes a few rows."""
    deadline = time.monotonic() + 30
    while disk.journal_state()["up"]:
        assert time.monotonic() < deadline
        disk.ask("permit", write(0, 1))
