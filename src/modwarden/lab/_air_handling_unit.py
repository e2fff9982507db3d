"""One air-handling unit: a real Modbus TCP server whose registers are a room's physics."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

if TYPE_CHECKING:
    from ._endpoint import Endpoint
    from ._room import Room
    from ._write_log import WriteLog

SUPPLY_TEMPERATURE = 0  # input register, int16, 0.1 degC
ROOM_TEMPERATURE = 1  # input register, int16, 0.1 degC
TEMPERATURE_SETPOINT = 100  # holding registers 100-101, float32, high word first, degC
FAN_ENABLE = 0  # coil

_COILS, _HOLDING_REGISTERS, _INPUT_REGISTERS = 1, 3, 4  # pymodbus names a table by the code that reads it


def setpoint_registers(degc: float) -> list[int]:
    """Two registers, high word first, as holding registers 100-101 carry a setpoint."""
    return list(struct.unpack(">HH", struct.pack(">f", degc)))


def setpoint_degc(registers: list[int]) -> float:
    """Undo `setpoint_registers`."""
    value: float = struct.unpack(">f", struct.pack(">HH", *registers))[0]
    return value


def tenths_degc(register: int) -> float:
    """Read an input register's int16 as degC."""
    return (register - 0x10000 if register >= 0x8000 else register) / 10


class AirHandlingUnit:
    """A server on its own address, and the room behind it."""

    def __init__(self, endpoint: Endpoint, room: Room, writes: WriteLog | None = None) -> None:
        self.endpoint = endpoint
        self.room = room
        self._trace = None if writes is None else writes.of(endpoint)
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """
        Begin to answer.

        Raises:
            OSError: the address is taken or not on this machine.
        """
        server = ModbusTcpServer(
            _device(self.endpoint.unit_id, self.room),
            address=(self.endpoint.host, self.endpoint.port),
            trace_pdu=self._trace,
        )
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self.endpoint.host}:{self.endpoint.port}") from error
        self._server = server

    async def step(self, minutes: float, outdoor_degc: float) -> None:
        """Obey what clients wrote, let plant time pass, show what came of it."""
        server, unit = self._server, self.endpoint.unit_id
        if server is None:
            raise RuntimeError("the unit has not been started")
        setpoint = await server.async_getValues(unit, _HOLDING_REGISTERS, TEMPERATURE_SETPOINT, 2)
        coils = await server.async_getValues(unit, _COILS, FAN_ENABLE, 1)
        self.room.accept_setpoint(setpoint_degc([int(r) for r in setpoint]))
        self.room.step(minutes, outdoor_degc, is_fan_on=bool(coils[0]))
        await server.async_setValues(unit, _INPUT_REGISTERS, SUPPLY_TEMPERATURE, _readings(self.room))

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left it bare
            self._server = None


def _device(unit_id: int, room: Room) -> SimDevice:
    fan = [SimData(FAN_ENABLE, values=[True], datatype=DataType.BITS)]
    runs = [SimData(0, values=[True], datatype=DataType.BITS)]
    setpoint = [SimData(TEMPERATURE_SETPOINT, values=room.setpoint_degc, datatype=DataType.FLOAT32)]
    readings = [SimData(SUPPLY_TEMPERATURE, values=_readings(room), datatype=DataType.REGISTERS)]
    return SimDevice(id=unit_id, simdata=(fan, runs, setpoint, readings))


def _readings(room: Room) -> list[int]:
    return [round(degc * 10) & 0xFFFF for degc in (room.supply_degc, room.room_degc)]
