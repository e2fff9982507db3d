"""The time in which conduits that fail open had no guard: the next start tells what can be known of it."""

import os
import time
from pathlib import Path

import pytest

from modwarden.guard._unguarded import Away, Unguarded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alive.site.json"


def test_the_first_start_knows_of_no_time_before(path: Path) -> None:
    unguarded = Unguarded(path)

    assert unguarded.begin({"cell": 5}) == ()
    assert unguarded.conduits == ("cell",)


def test_the_next_start_says_since_when_and_what_passed(path: Path) -> None:
    Unguarded(path).begin({"cell": 5})
    os.utime(path, (time.time() - 90, time.time() - 90))
    (away,) = Unguarded(path).begin({"cell": 12})

    assert (away.conduit, away.packets) == ("cell", 7)
    assert 90 <= away.seconds < 100


def test_rules_that_were_loaded_anew_count_from_zero(path: Path) -> None:
    Unguarded(path).begin({"cell": 500})
    (away,) = Unguarded(path).begin({"cell": 3})

    assert away.packets == 3


def test_a_sign_of_life_moves_the_beginning(path: Path) -> None:
    unguarded = Unguarded(path)
    unguarded.begin({"cell": 0})
    os.utime(path, (0, 0))
    unguarded.note_alive()
    (away,) = Unguarded(path).begin({"cell": 0})

    assert away.seconds < 10


def test_where_all_fail_closed_nothing_is_kept_or_told(path: Path) -> None:
    unguarded = Unguarded(path)
    unguarded.begin({})
    unguarded.note_alive()

    assert not path.exists()
    assert unguarded.metrics() == ""


def test_a_file_that_cannot_be_read_is_no_time_away(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[1]")

    assert Unguarded(path).begin({"cell": 1}) == ()


def test_a_disk_that_takes_no_sign_of_life_does_not_end_the_guard(path: Path) -> None:
    unguarded = Unguarded(path)
    unguarded.begin({"cell": 0})
    path.unlink()
    path.parent.rmdir()
    unguarded.note_alive()

    assert unguarded.conduits == ("cell",)


def test_the_record_s_words_hold_both_ends_and_the_count() -> None:
    told = Away("cell", since=0.0, until=12.3, packets=34).told

    assert told == (
        "failed_open: no guard for 12.3 s, from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:12.300Z; "
        "34 packets of clients passed"
    )


def test_metrics_name_each_conduit_that_fails_open(path: Path) -> None:
    Unguarded(path).begin({'ce"ll': 1})
    unguarded = Unguarded(path)
    unguarded.begin({'ce"ll': 4})
    samples = [line for line in unguarded.metrics().splitlines() if not line.startswith("#")]

    assert samples[0] == 'modwarden_conduit_fails_open{conduit="ce\\"ll"} 1'
    assert samples[2] == 'modwarden_guard_away_packets{conduit="ce\\"ll"} 3'
