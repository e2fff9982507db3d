"""The historian of the DMZ: reads each unit once a second, and shows the last values by HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from ._air_handling_unit import SUPPLY_TEMPERATURE, tenths_degc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._endpoint import Endpoint

PERIOD_S = 1.0
_REPLY_S = 2.0
# What a client may send before it is answered.
_LONGEST_HEAD = 8192


@dataclass
class Historian:
    """A relay: its clients' connections end here, and none of theirs reaches a unit."""

    endpoints: Sequence[Endpoint]
    source: str
    trend: dict[str, dict[str, object]] = field(default_factory=dict)

    async def run(self, listen: Endpoint, stop: asyncio.Event) -> None:
        """
        Poll and serve until told to stop.

        Raises:
            OSError: the address is taken or not on this machine.
        """
        server = await asyncio.start_server(self._answer, listen.host, listen.port, limit=_LONGEST_HEAD)
        async with server:
            await asyncio.gather(*(self._follow(endpoint, stop) for endpoint in self.endpoints))

    async def _follow(self, endpoint: Endpoint, stop: asyncio.Event) -> None:
        client = AsyncModbusTcpClient(
            endpoint.host, port=endpoint.port, timeout=_REPLY_S, retries=0, source_address=(self.source, 0)
        )
        while not stop.is_set():
            self.trend[endpoint.name] = await self._read(client, endpoint.unit_id)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PERIOD_S)
        client.close()

    async def _read(self, client: AsyncModbusTcpClient, unit_id: int) -> dict[str, object]:
        try:
            if not client.connected and not await client.connect():
                return {"error": "no connection"}
            reply = await client.read_input_registers(SUPPLY_TEMPERATURE, count=2, device_id=unit_id)
        except (ModbusException, OSError) as error:
            client.close()
            return {"error": str(error)}
        if reply.isError():
            return {"error": f"exception {getattr(reply, 'exception_code', '?')}"}
        supply, room = (tenths_degc(int(register)) for register in reply.registers)
        return {"supply_degc": supply, "room_degc": room}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REPLY_S):
                await reader.readuntil(b"\r\n\r\n")
                body = json.dumps(self.trend, indent=2).encode() + b"\n"
                head = ("HTTP/1.0 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}")
                writer.write("\r\n".join((*head, "", "")).encode() + body)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


async def stand_in(endpoints: Sequence[Endpoint], stop: asyncio.Event) -> None:
    """
    Stand for services that are no matter here: take each connection, say who would answer, and close.

    Raises:
        OSError: an address is taken or not on this machine.
    """

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("sockname")[:2]
        writer.write(f"a stand-in at {host} port {port} of the lab\n".encode())
        writer.close()

    servers = [await asyncio.start_server(answer, one.host, one.port) for one in endpoints]
    await stop.wait()
    for server in servers:
        server.close()
