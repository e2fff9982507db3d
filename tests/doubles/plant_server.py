"""pymodbus's own server on a thread of its own: a real counterpart for real clients."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self

from pymodbus.framer import FramerType
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

IDENTITY = {
    "VendorName": "Northside",
    "ProductCode": "AHU-1",
    "MajorMinorRevision": "3.2",
    "ProductName": "Air handler",
}
_START_S = 10


class PlantServer:
    """One server with tables of 300 entries for each of its unit ids; each register holds its address."""

    def __init__(
        self,
        host: str,
        unit_ids: tuple[int, ...] = (1,),
        framer: FramerType = FramerType.SOCKET,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self._tls = tls
        self._framer = framer
        self.port = 0
        self._unit_ids = unit_ids
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"plant {host}")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_S)
        assert self._server.transport is not None
        self.port = int(self._server.transport.sockets[0].getsockname()[1])  # type: ignore[attr-defined]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()

    async def _listen(self) -> ModbusTcpServer:
        devices = [_device(unit_id) for unit_id in self._unit_ids]
        identity = ModbusDeviceIdentification(info_name=IDENTITY)  # type: ignore[no-untyped-call]
        address = (self.host, 0)
        server = ModbusTcpServer(devices, framer=self._framer, address=address, identity=identity)
        if self._tls is not None:
            server = ModbusTlsServer(devices, address=address, sslctx=self._tls, identity=identity)
        await server.serve_forever(background=True)
        return server

    async def _close(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left it bare


def _device(unit_id: int) -> SimDevice:
    bits = [SimData(0, values=[at % 3 == 0 for at in range(304)], datatype=DataType.BITS)]
    registers = [SimData(0, values=list(range(300)), datatype=DataType.REGISTERS)]
    inputs = [SimData(0, values=[unit_id * 1000 + at for at in range(300)], datatype=DataType.REGISTERS)]
    return SimDevice(id=unit_id, simdata=(bits, bits, registers, inputs))
