"""
What becomes of packets on a host, worked out one at a time: the plain way to what drift computes with sets.

It shares no code with drift but the parsed rule sets and the plain walk through a hook.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import product
from typing import TYPE_CHECKING

from tests.doubles.drawn_worlds import ANYBODY, SEGMENTS, SERVICES, address
from tests.doubles.packet_walk import Flying, PlainRouter
from tests.doubles.packet_walk import _hook as through_hook

from modwarden.site.rulesets import Hook

if TYPE_CHECKING:
    from collections.abc import Iterator

_BROADCAST = IPv4Address("255.255.255.255")
Fate = frozenset[tuple[int, int, int, int]]


def plain_fate(router: PlainRouter, path: str, packet: Flying, inward: str, outward: str) -> Fate:
    """Give what a packet may leave as; nothing where it is held back."""
    return frozenset(_sent(router, path, packet, inward, outward))


def packets_at(router: PlainRouter) -> Iterator[tuple[str, Flying, str, str]]:
    named = [int(address(s, host)) for s in SEGMENTS for host in (11, ANYBODY)]
    there = [*named, int(address("a", 12)), *sorted(router.own)]
    for source, destination, (protocol, port) in product(named, there, SERVICES):
        packet = Flying(source, destination, protocol, port)
        for inward in router.interfaces:
            yield "input", packet, inward, ""
            for outward in router.interfaces:
                yield "forward", packet, inward, outward


def _sent(
    router: PlainRouter, path: str, packet: Flying, inward: str, outward: str
) -> Iterator[tuple[int, int, int, int]]:
    for arrived in through_hook(router, Hook.PREROUTING, packet, inward, outward):
        if path == "input":
            if _is_local(router, arrived.destination):
                yield from map(_key, through_hook(router, Hook.INPUT, arrived, inward, ""))
        elif not _is_local(router, arrived.destination):
            for forwarded in through_hook(router, Hook.FORWARD, arrived, inward, outward):
                yield from map(_key, through_hook(router, Hook.POSTROUTING, forwarded, inward, outward))


def _is_local(router: PlainRouter, destination: int) -> bool:
    """Say whether a host takes it for itself: at its addresses, as loopback, broadcast or multicast."""
    there = IPv4Address(destination)
    return destination in router.own or there.is_loopback or there.is_multicast or there == _BROADCAST


def _key(packet: Flying) -> tuple[int, int, int, int]:
    return packet.source, packet.destination, packet.protocol, packet.port
