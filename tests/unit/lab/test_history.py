"""What the rooms went through, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from modwarden.lab import History, HistoryWriter, load_history

if TYPE_CHECKING:
    from pathlib import Path


def _history(*rooms: list[float]) -> History:
    samples = len(rooms[0])
    minutes = np.arange(samples, dtype=np.float64)
    return History(minutes, minutes / 6 + 1000.0, np.array(rooms, dtype=np.float64).T)


def test_a_file_without_a_sample_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rooms.csv"
    path.write_text("plant_minute,unix_s,ahu-001\n")

    with pytest.raises(ValueError, match="no sample"):
        load_history(path)


@pytest.mark.parametrize("half", ["1.0", "1.0,5.0,2", "1.0,5.0,21.5,22.5"])
def test_a_row_that_is_still_being_written_is_left_out(tmp_path: Path, half: str) -> None:
    path = tmp_path / "rooms.csv"
    path.write_text("plant_minute,unix_s,ahu-001,ahu-002\n0.0,4.0,21.0,22.0\n" + half)

    assert load_history(path).rooms_degc.tolist() == [[21.0, 22.0]]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "rooms.csv"
    with path.open("w", newline="") as file:
        writer = HistoryWriter(file, ["ahu-001", "ahu-002"])
        writer.append(0.0, [21.0, 22.0])
        writer.append(1.5, [21.125, 22.25])

    history = load_history(path)

    assert history.plant_minutes.tolist() == [0.0, 1.5]
    assert history.rooms_degc.tolist() == [[21.0, 22.0], [21.125, 22.25]]


def test_short_visits_outside_the_band_lose_no_batch_however_many() -> None:
    visits = ([25.0] * 9 + [21.0]) * 6

    assert _history([21.0, *visits]).batches_lost() == 0


def test_a_long_stay_on_either_side_of_the_band_loses_the_batch() -> None:
    quiet, hot, cold = [21.0] * 15, [21.0] * 3 + [30.0] * 12, [21.0] * 3 + [10.0] * 12

    assert _history(quiet, hot, cold).batches_lost() == 2


def test_a_room_on_the_edge_of_the_band_has_not_left_it() -> None:
    assert _history([18.0, 24.0], [17.9, 21.0]).rooms_that_left() == 1


def test_wall_time_is_told_as_plant_minutes() -> None:
    assert _history([21.0] * 13).minute_at(1001.0) == pytest.approx(6.0)


def test_what_came_after_the_act_can_be_left_out() -> None:
    assert _history([21.0, 21.0, 30.0]).until(1.0).rooms_that_left() == 0
