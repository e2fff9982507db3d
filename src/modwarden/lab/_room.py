"""
How warm a cleanroom gets: two first-order lags, stepped exactly for any step length.

The supply air follows the setpoint as fast as the coils allow. The room follows the supply air while the
fan runs, and drifts towards the warmth of its machines and of the weather once the fan stands still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

COIL_MINUTES = 2.0  # a hot-water coil reaches 63 % of a new setpoint in two minutes
AIR_MINUTES = 7.0  # about 20 air changes an hour, slowed by walls and machines
STILL_MINUTES = 25.0  # without a fan machines warm the room, and only conduction is left to cool it
COLDEST_SUPPLY_DEGC, WARMEST_SUPPLY_DEGC = 5.0, 40.0  # what the coils can do, whatever is asked
STILL_RISE_K, STILL_GAIN = 6.0, 16.0  # a still room warms by its lights, and by what the air took away before
OUTDOOR_SHARE = 0.03  # of the difference to outdoors that reaches the supply duct


@dataclass(slots=True)
class Room:
    """A room and the air-handling unit that serves it."""

    setpoint_degc: float
    supply_degc: float
    room_degc: float
    heat_load_k: float
    """What people and machines add to the supply air while it passes."""

    def step(self, minutes: float, outdoor_degc: float, *, is_fan_on: bool) -> None:
        """Let plant time pass."""
        reachable = min(max(self.setpoint_degc, COLDEST_SUPPLY_DEGC), WARMEST_SUPPLY_DEGC)
        leak = OUTDOOR_SHARE * (outdoor_degc - reachable)
        self.supply_degc = _lag(self.supply_degc, reachable + leak, minutes / COIL_MINUTES)
        if is_fan_on:
            self.room_degc = _lag(self.room_degc, self.supply_degc + self.heat_load_k, minutes / AIR_MINUTES)
            return
        still = outdoor_degc + STILL_RISE_K + STILL_GAIN * self.heat_load_k
        self.room_degc = _lag(self.room_degc, still, minutes / STILL_MINUTES)

    def accept_setpoint(self, degc: float) -> None:
        """Take a new setpoint as a unit does: what is not a number leaves the last one in force."""
        if math.isfinite(degc):
            self.setpoint_degc = degc


def outdoor_degc(plant_minute: float) -> float:
    """Outdoor temperature of a mild day that begins at nine in the morning."""
    return 16.0 + 8.0 * math.sin(2 * math.pi * (plant_minute + 30.0) / 1440.0)


def _lag(now: float, target: float, time_constants: float) -> float:
    return target + (now - target) * math.exp(-time_constants)
