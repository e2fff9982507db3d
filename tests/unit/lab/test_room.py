"""The rooms' physics."""

from __future__ import annotations

import math

import pytest

from modwarden.lab import Room


def _room(setpoint_degc: float = 21.0) -> Room:
    return Room(setpoint_degc=setpoint_degc, supply_degc=21.0, room_degc=21.0, heat_load_k=0.5)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_a_setpoint_that_is_no_number_leaves_the_last_one_in_force(nonsense: float) -> None:
    room = _room(21.0)

    room.accept_setpoint(nonsense)

    assert room.setpoint_degc == 21.0


@pytest.mark.parametrize(("asked", "reached"), [(1000.0, 40.0), (-1000.0, 5.0)])
def test_no_setpoint_moves_the_supply_air_beyond_what_the_coils_can_do(asked: float, reached: float) -> None:
    room = _room(asked)

    room.step(600.0, reached, is_fan_on=True)

    assert room.supply_degc == pytest.approx(reached, abs=0.01)


def test_a_hot_setpoint_drives_the_room_out_of_the_band_within_ten_plant_minutes() -> None:
    room = _room(35.0)

    room.step(10.0, 20.0, is_fan_on=True)

    assert room.room_degc > 24.0


def test_a_stopped_fan_drives_the_room_out_of_the_band_within_an_hour() -> None:
    room = _room()

    room.step(60.0, 20.0, is_fan_on=False)

    assert room.room_degc > 24.0


def test_a_room_left_alone_stays_in_the_band_all_day() -> None:
    room = _room()

    for _ in range(1440):
        room.step(1.0, 20.0, is_fan_on=True)
        assert 20.0 < room.room_degc < 23.0
