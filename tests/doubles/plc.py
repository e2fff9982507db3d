"""A Modbus TCP server that notes each write it receives, for tests that ask what reached a server.

Registers and coils are one table a unit; what was never written reads as zero.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

READ_COILS, READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS = 0x01, 0x03, 0x04
WRITE_SINGLE_REGISTER, WRITE_REGISTERS = 0x06, 0x10
_ILLEGAL_FUNCTION = 0x01
_HEADER = struct.Struct(">HHHB")
_START_S = 10


@dataclass(frozen=True, slots=True)
class Write:
    """One write, as it came."""

    unit_id: int
    function_code: int
    address: int
    values: tuple[int, ...]


class PlcDouble:
    """A server on a port of the kernel's choice, on a thread of its own."""

    def __init__(
        self,
        host: str,
        *,
        port: int = 0,
        reply_delay_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
        enter: Callable[[], None] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._tls = tls
        self.peers: list[str] = []
        """The address of each client that ever connected."""
        self._enter = enter
        self.reply_delay_s = reply_delay_s
        self.writes: list[Write] = []
        self.requests = 0
        self._registers: dict[tuple[int, int], int] = {}
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"plc {host}")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_S)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()

    def _run(self) -> None:
        if self._enter is not None:
            # Such as into a network namespace of the test's own, which holds for this thread.
            self._enter()
        self._loop.run_forever()

    def answer(self, unit_id: int, pdu: bytes) -> bytes:
        self.requests += 1
        code = pdu[0]
        if code in {READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS}:
            first, quantity = struct.unpack(">HH", pdu[1:5])
            values = [self._registers.get((unit_id, first + at), 0) for at in range(quantity)]
            return struct.pack(f">BB{quantity}H", code, 2 * quantity, *values)
        if code == WRITE_SINGLE_REGISTER:
            address, value = struct.unpack(">HH", pdu[1:5])
            self._note(Write(unit_id, code, address, (value,)))
            return pdu
        if code == WRITE_REGISTERS:
            address, quantity = struct.unpack(">HH", pdu[1:5])
            self._note(Write(unit_id, code, address, struct.unpack(f">{quantity}H", pdu[6:])))
            return pdu[:5]
        return bytes((code | 0x80, _ILLEGAL_FUNCTION))

    def _note(self, write: Write) -> None:
        self.writes.append(write)
        for at, value in enumerate(write.values):
            self._registers[write.unit_id, write.address + at] = value

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: _Conversation(self, self._open), self.host, self.port, ssl=self._tls
        )

    async def _close(self) -> None:
        self._server.close()
        for transport in list(self._open):
            transport.abort()
        await asyncio.sleep(0)


class _Conversation(asyncio.Protocol):
    def __init__(self, plc: PlcDouble, conversations: set[asyncio.Transport]) -> None:
        self._plc = plc
        self._conversations = conversations
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._conversations.add(self._transport)
        self._plc.peers.append(str(self._transport.get_extra_info("peername")[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._conversations.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _HEADER.size:
            transaction_id, _, length, unit_id = _HEADER.unpack_from(self._received)
            if len(self._received) < 6 + length:
                return
            pdu, self._received = self._received[7 : 6 + length], self._received[6 + length :]
            reply = self._plc.answer(unit_id, pdu)
            self._send(_HEADER.pack(transaction_id, 0, 1 + len(reply), unit_id) + reply)

    def _send(self, adu: bytes) -> None:
        if self._plc.reply_delay_s:
            loop = asyncio.get_running_loop()
            loop.call_later(self._plc.reply_delay_s, self._transport.write, adu)
            return
        self._transport.write(adu)
