"""Bytes to a server and its answer back, for clients that do not keep to the rules."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from ._endpoint import Endpoint
    from ._tally import Tally

REPLY_TIMEOUT_S = 0.5
_EXCEPTION_BIT = 0x80


class WireTalk:
    """One TCP connection from a chosen source address; opened anew when the server closed it."""

    def __init__(self, endpoint: Endpoint, source: str, timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self._endpoint = endpoint
        self._source = source
        self._timeout_s = timeout_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def ask(self, frame: bytes, tally: Tally) -> bytes | None:
        """Send one frame, wait for one answer, count what came of it; the answer's PDU or None."""
        tally.sent += 1
        try:
            pdu = await asyncio.wait_for(self._exchange(frame), self._timeout_s)
        except TimeoutError:
            tally.timeouts += 1
        except (OSError, EOFError):
            tally.refused += 1
        else:
            _count(pdu, tally)
            return pdu
        await self._leave()
        return None

    async def _exchange(self, frame: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._endpoint.host, self._endpoint.port, local_addr=(self._source, 0)
            )
        reader, writer = self._streams
        writer.write(frame)
        await writer.drain()
        header = await reader.readexactly(7)
        return await reader.readexactly(int.from_bytes(header[4:6], "big") - 1)

    async def _leave(self) -> None:
        if self._streams is None:
            return
        writer = self._streams[1]
        self._streams = None
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _count(pdu: bytes, tally: Tally) -> None:
    if len(pdu) > 1 and pdu[0] & _EXCEPTION_BIT:
        tally.exceptions[pdu[1]] += 1
        return
    tally.answered += 1
