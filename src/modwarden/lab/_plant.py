"""The cleanroom: air-handling units that answer on loopback addresses while accelerated plant time passes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from ._air_handling_unit import AirHandlingUnit
from ._room import Room, outdoor_degc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._endpoint import Endpoint
    from ._history import HistoryWriter
    from ._write_log import WriteLog

STEPS_PER_SECOND = 10  # a write shows within a tenth of a second; 200 units cost about 5 % of a core


class Plant:
    """All units of a site under one clock."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        minutes_per_second: float,
        seed: int = 1,
        writes: WriteLog | None = None,
    ) -> None:
        dice = random.Random(seed)
        self.units = [AirHandlingUnit(endpoint, _settled_room(dice), writes) for endpoint in endpoints]
        self.plant_minute = 0.0
        self._minutes_per_second = minutes_per_second

    def rooms_degc(self) -> list[float]:
        return [unit.room.room_degc for unit in self.units]

    async def start(self) -> None:
        """
        Let every unit answer, or none.

        Raises:
            OSError: an address is taken or not on this machine.
        """
        try:
            for unit in self.units:
                await unit.start()
        except OSError:
            await self.stop()
            raise

    async def run(self, stop: asyncio.Event, history: HistoryWriter | None = None) -> None:
        """Step all rooms until told to stop; a late step covers the time that has really passed."""
        clock = asyncio.get_running_loop().time
        last = clock()
        while not stop.is_set():
            if history is not None:
                history.append(self.plant_minute, self.rooms_degc())
            await asyncio.sleep(1 / STEPS_PER_SECOND)
            now = clock()
            await self.step((now - last) * self._minutes_per_second)
            last = now

    async def step(self, minutes: float) -> None:
        """Let plant time pass for every room."""
        outdoor = outdoor_degc(self.plant_minute)
        for unit in self.units:
            await unit.step(minutes, outdoor)
        self.plant_minute += minutes

    async def stop(self) -> None:
        for unit in self.units:
            await unit.stop()


def _settled_room(dice: random.Random) -> Room:
    """Make a room that has been at its setpoint for hours, so that the day starts quietly."""
    setpoint, load = dice.uniform(20.2, 21.4), dice.uniform(0.2, 0.9)
    room = Room(setpoint_degc=setpoint, supply_degc=setpoint, room_degc=setpoint, heat_load_k=load)
    room.step(600.0, outdoor_degc(0.0), is_fan_on=True)
    return room
