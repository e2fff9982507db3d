"""A forwarder as one writes it with pymodbus in an afternoon: its server in front, its client behind."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


class Forwarding:
    """Stands where pymodbus's server keeps its values, and asks the real server instead."""

    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self._client = client

    async def async_getValues(self, device: int, code: int, address: int, count: int) -> Any:  # noqa: N802
        """Read holding registers, which is all that the load reads."""
        if code != 0x03:
            return ExcCodes.ILLEGAL_FUNCTION
        answer = await self._client.read_holding_registers(address, count=count, device_id=device)
        return ExcCodes(answer.exception_code) if answer.isError() else answer.registers

    async def async_setValues(self, device: int, code: int, address: int, values: Any) -> Any:  # noqa: N802
        """Write registers, which is all that the load writes."""
        if code != 0x10:
            return ExcCodes.ILLEGAL_FUNCTION
        answer = await self._client.write_registers(address, values, device_id=device)
        return ExcCodes(answer.exception_code) if answer.isError() else None


async def forward(pairs: list[tuple[str, str]]) -> None:
    """Serve every pair of a listener and a server until cancelled."""
    servers = [await _begin(near, far) for near, far in pairs]
    await asyncio.gather(*(server.serving for server in servers))


async def _begin(near: str, far: str) -> ModbusTcpServer:
    client = AsyncModbusTcpClient(far.rpartition(":")[0], port=int(far.rpartition(":")[2]), retries=0)
    await client.connect()
    unused = SimDevice(1, simdata=[SimData(0, values=[0], datatype=DataType.REGISTERS)])
    host, _, port = near.rpartition(":")
    server = ModbusTcpServer(unused, address=(host, int(port)))
    server.context = Forwarding(client)  # type: ignore[assignment]
    await server.serve_forever(background=True)
    return server


if __name__ == "__main__":
    asyncio.run(forward(json.loads(sys.argv[1])))
