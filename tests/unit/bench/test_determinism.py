"""No disturbance is compared with itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.candidates import Candidate, Edges, Place, Running, modwarden
from bench.determinism import Tried, Wish, plan
from bench.disturbances import DEMANDS, QUIET
from bench.slow_disk import SlowDisk

WISH = Wish(1.0, 1)


def _plan() -> list[Tried]:
    return plan(SlowDisk(Path("library"), Path("switch")), WISH)


def test_every_disturbed_phase_has_a_fact_that_shows_it() -> None:
    phases = {phase for tried in _plan() for phase in tried.phases}

    assert phases - {QUIET} == DEMANDS.keys()


@pytest.mark.parametrize("phase", ["rotation", "retention"])
def test_what_a_guard_does_all_the_time_is_held_against_one_that_does_not(phase: str) -> None:
    (tried,) = (tried for tried in _plan() if phase in tried.phases)

    assert tried.quiet is not None
    assert tried.quiet.name != tried.candidate.name


def test_only_a_phase_that_is_switched_on_is_held_against_the_same_guard() -> None:
    own = {phase for tried in _plan() if tried.quiet is None for phase in tried.phases}

    assert own.isdisjoint({"rotation", "retention"})


def test_names_of_segments_tell_what_was_sealed_and_what_was_retired(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    running = Running(modwarden(), None, Place(tmp_path, "127.10.1.1"))
    assert running.edges == Edges(0, 0)
    journal.joinpath(f"{41:020}-{90:020}.parquet").touch()
    journal.joinpath(f"{91:020}.arrows").touch()

    assert running.edges == Edges(first=41, live=91)
    assert running.sealed == {f"{41:020}-{90:020}.parquet"}


def test_without_a_process_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    Running(Candidate("direct", lambda _: None), None, Place(tmp_path, "127.10.1.1")).settle()
