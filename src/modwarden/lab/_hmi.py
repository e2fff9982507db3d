"""The HMI of the cleanroom: polls every unit once a period and sometimes adjusts a setpoint within limits."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException

from ._air_handling_unit import SUPPLY_TEMPERATURE, TEMPERATURE_SETPOINT, setpoint_degc, setpoint_registers
from ._tally import Latencies, Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pymodbus.pdu import ModbusPDU

    from ._endpoint import Endpoint

HMI_ADDRESS = "127.10.0.5"
REPLY_TIMEOUT_S = 1.0  # one polling period: a later reply is a lost poll for the operator
_LAST_BYTES_S = (
    0.05  # a reply that came right before the connection's end is still on its way through the loop
)
LOWEST_DEGC, HIGHEST_DEGC, ADJUSTMENT_K = 20.0, 22.0, 0.2  # what an operator of this plant asks for


class LostPoll(NamedTuple):
    """A poll of which a reply was missing, late or an exception."""

    began: float
    """Unix time at which the HMI turned to the unit."""
    at: float
    """Unix time at which it was given up."""
    unit: str
    why: str
    """`no connection`, `connection ended`, `no reply` or `exception N`, N being the reply's code."""


class _LostError(Exception):
    """A poll is lost, and why."""


@dataclass
class HmiReport:
    """What the HMI lived through."""

    polls: int = 0
    lost_polls: list[LostPoll] = field(default_factory=list)
    exceptions: Counter[int] = field(default_factory=Counter)
    adjustments: Tally = field(default_factory=Tally)
    latencies: Latencies = field(default_factory=Latencies)

    def summary(self) -> dict[str, object]:
        return {
            "polls": self.polls,
            "lost_polls": len(self.lost_polls),
            "lost_from_unix_s": [round(lost.began, 3) for lost in self.lost_polls],
            "lost_at_unix_s": [round(lost.at, 3) for lost in self.lost_polls],
            "lost_units": [lost.unit for lost in self.lost_polls],
            "lost_why": [lost.why for lost in self.lost_polls],
            "exceptions": {str(code): count for code, count in sorted(self.exceptions.items())},
            "adjustments": self.adjustments.summary(),
            "latency": self.latencies.summary(),
        }


class Hmi:
    """One connection a unit, as SCADA drivers keep it, and one request at a time on each."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        source: str = HMI_ADDRESS,
        period_s: float = 1.0,
        adjust_every_s: float | None = 0.25,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
        seed: int = 1,
    ) -> None:
        self.report = HmiReport()
        self._period_s = period_s
        self._adjust_every_s = adjust_every_s
        self._reply_timeout_s = reply_timeout_s
        self._dice = random.Random(seed)
        self._setpoints: dict[str, float] = {}
        self._endpoints = endpoints
        self._source = source
        self._links: dict[Endpoint, AsyncModbusTcpClient] = {}
        # Two that connect the same link at once leave it with a connection that nobody reads.
        self._turns = {endpoint: asyncio.Lock() for endpoint in endpoints}
        # pymodbus would wait on a connection that is gone until the reply is late.
        self._ended = {endpoint: asyncio.Event() for endpoint in endpoints}

    async def run(self, stop: asyncio.Event) -> HmiReport:
        """Poll until told to stop, the units spread evenly over the period."""
        self._links = {
            endpoint: _client(endpoint, self._source, self._reply_timeout_s, self._notice(endpoint))
            for endpoint in self._endpoints
        }
        tasks = [
            asyncio.create_task(self._poll_for_ever(endpoint, self._period_s * n / len(self._links), stop))
            for n, endpoint in enumerate(self._links)
        ]
        if self._adjust_every_s is not None:
            tasks.append(asyncio.create_task(self._adjust_for_ever(self._adjust_every_s, stop)))
        await asyncio.gather(*tasks)
        for link in self._links.values():
            link.close()
        return self.report

    async def _poll_for_ever(self, endpoint: Endpoint, offset_s: float, stop: asyncio.Event) -> None:
        due = monotonic() + offset_s
        while not await _stopped_before(stop, due):
            async with self._turns[endpoint]:
                await self._poll(endpoint)
            due = max(due + self._period_s, monotonic())

    async def _poll(self, endpoint: Endpoint) -> None:
        link, began = self._links[endpoint], time()
        self.report.polls += 1
        try:
            await _bring_up(link)
            await self._read(endpoint, link.read_input_registers, SUPPLY_TEMPERATURE)
            setpoint = await self._read(endpoint, link.read_holding_registers, TEMPERATURE_SETPOINT)
        except _LostError as lost:
            self.report.lost_polls.append(LostPoll(began, time(), endpoint.name, str(lost)))
            self._setpoints.pop(endpoint.name, None)
            # pymodbus would keep a silent connection for three more requests, and lose each of them.
            link.close()
            return
        self._setpoints[endpoint.name] = setpoint_degc(setpoint)

    def _notice(self, endpoint: Endpoint) -> Callable[[bool], None]:
        ended = self._ended[endpoint]
        return lambda is_connected: ended.clear() if is_connected else ended.set()

    async def _read(
        self, endpoint: Endpoint, ask: Callable[..., Awaitable[ModbusPDU]], address: int
    ) -> list[int]:
        begin = monotonic()
        try:
            asked = asyncio.ensure_future(ask(address, count=2, device_id=endpoint.unit_id))
            reply = await _reply_or_end(asked, self._ended[endpoint])
        except ConnectionException as error:
            raise _LostError("connection ended") from error
        except ModbusException as error:
            raise _LostError("no reply") from error
        if reply.isError():
            self.report.exceptions[reply.exception_code] += 1
            raise _LostError(f"exception {reply.exception_code}")
        self.report.latencies.values_ms.append((monotonic() - begin) * 1000)
        return list(reply.registers)

    async def _adjust_for_ever(self, every_s: float, stop: asyncio.Event) -> None:
        due = monotonic() + 2 * self._period_s
        while not await _stopped_before(stop, due):
            endpoint = self._dice.choice(list(self._links))
            async with self._turns[endpoint]:
                await self._adjust(endpoint)
            due = max(due + every_s, monotonic())

    async def _adjust(self, endpoint: Endpoint) -> None:
        """Nudge a setpoint; one that is already far off is for an operator, not for a script."""
        # What the last poll showed is up to a period old, and may be another's by now.
        await self._poll(endpoint)
        known = self._setpoints.get(endpoint.name)
        if known is None or not LOWEST_DEGC - 1 <= known <= HIGHEST_DEGC + 1:
            return
        nudged = known + self._dice.choice((-ADJUSTMENT_K, ADJUSTMENT_K))
        wanted = min(max(nudged, LOWEST_DEGC), HIGHEST_DEGC)
        await write_setpoint(self._links[endpoint], endpoint.unit_id, wanted, self.report.adjustments)


async def _reply_or_end(asked: asyncio.Future[ModbusPDU], ended: asyncio.Event) -> ModbusPDU:
    ending = asyncio.ensure_future(ended.wait())
    either: set[asyncio.Future[Any]] = {asked, ending}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            await asyncio.wait({asked}, timeout=_LAST_BYTES_S)
        if not asked.done():
            asked.cancel()
            raise _LostError("connection ended")
        return await asked
    finally:
        ending.cancel()


async def write_setpoint(link: AsyncModbusTcpClient, unit_id: int, degc: float, tally: Tally) -> None:
    """Write holding registers 100-101 with code 16 and count what came of it."""
    tally.sent += 1
    try:
        reply = await link.write_registers(TEMPERATURE_SETPOINT, setpoint_registers(degc), device_id=unit_id)
    except ModbusException:
        tally.refused += 1
        return
    if reply.isError():
        tally.exceptions[reply.exception_code] += 1
        return
    tally.answered += 1


async def write_setpoint_once(endpoint: Endpoint, degc: float, source: str = HMI_ADDRESS) -> Tally:
    """Connect, read the setpoint as an HMI does before it writes, write one, and leave."""
    tally = Tally()
    link = _client(endpoint, source)
    if not await link.connect():
        tally.sent, tally.refused = 1, 1
        return tally
    await link.read_holding_registers(TEMPERATURE_SETPOINT, count=2, device_id=endpoint.unit_id)
    await write_setpoint(link, endpoint.unit_id, degc, tally)
    link.close()
    return tally


def _client(
    endpoint: Endpoint,
    source: str,
    timeout_s: float = REPLY_TIMEOUT_S,
    notice: Callable[[bool], None] | None = None,
) -> AsyncModbusTcpClient:
    # No retries and no reconnecting in the background: each loss has to be seen, once.
    return AsyncModbusTcpClient(
        endpoint.host,
        port=endpoint.port,
        source_address=(source, 0),
        timeout=timeout_s,
        retries=0,
        reconnect_delay=0,
        trace_connect=notice,
    )


async def _bring_up(link: AsyncModbusTcpClient) -> None:
    if not link.connected and not await link.connect():
        raise _LostError("no connection")


async def _stopped_before(stop: asyncio.Event, due: float) -> bool:
    # With no time left `wait_for` does not even look: whoever is always late would never stop.
    if stop.is_set():
        return True
    try:
        await asyncio.wait_for(stop.wait(), max(0.0, due - monotonic()))
    except TimeoutError:
        return False
    return True
