"""Tunnels drawn for the proof, between the routers and hosts of a drawn world."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, summarize_address_range
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from tests.doubles.packet_walk import PlainEnd, PlainTunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

# Names of services, and their protocol numbers and ports.
_PORTS = {(6, 502): "tcp/502", (6, 22): "tcp/22", (17, 1): "udp/1"}


@dataclass(frozen=True)
class Place:
    """A router or a host that a tunnel may end at: its address on each segment."""

    name: str
    legs: dict[str, IPv4Address]
    is_router: bool


@st.composite
def tunnels(
    draw: st.DrawFn, places: Sequence[Place], segments: Sequence[str], most: int
) -> tuple[PlainTunnel, ...]:
    held: list[PlainTunnel] = []
    for number in range(draw(st.integers(1, most))):
        pair = draw(st.permutations(places))[:2]
        order = draw(st.permutations(range(len(segments))))
        is_wireguard, has_inside = draw(st.booleans()), draw(st.booleans())
        ends = []
        for index, place in enumerate(pair):
            behind = tuple(draw(networks(at)) for at in order[index : draw(st.sampled_from([2, 4])) : 2])
            outer = _outer(draw(st.permutations(sorted(place.legs.items()))), behind)
            calls = outer is None or (index == 1 and draw(st.booleans()))
            plain = {} if outer is None or calls else dict([outer])
            ends.append(
                PlainEnd(
                    place.name,
                    behind,
                    interface=f"wg{number}" if is_wireguard else None,
                    inside=int(IPv4Address(f"10.9.{number}.{index + 1}"))
                    if is_wireguard and has_inside
                    else None,
                    ports=() if is_wireguard else tuple(draw(_ports())),
                    outer=tuple(f"to-{leg}" for leg in plain or place.legs),
                    address=next((int(address) for address in plain.values()), None),
                )
            )
        tunnel = PlainTunnel((ends[0], ends[1]))
        is_callable = any(end.address is not None for end in ends)
        if is_callable and not any(_contradict(tunnel, other) for other in held):
            held.append(tunnel)
    return tuple(held)


@st.composite
def networks(draw: st.DrawFn, segment: int) -> tuple[int, int]:
    """Draw a segment's network, the part of it with the named hosts, or one of them."""
    first = int(IPv4Address(f"10.0.{segment}.0"))
    low, high = draw(st.sampled_from([(0, 255), (8, 15), (11, 11)]))
    return first + low, first + high


def _ports() -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.sampled_from(sorted(_PORTS)), max_size=2, unique=True)


def _outer(
    legs: Sequence[tuple[str, IPv4Address]], behind: tuple[tuple[int, int], ...]
) -> tuple[str, IPv4Address] | None:
    """Choose an outer address that is not behind the end itself: a site file may not have that."""
    fit = (leg for leg in legs if not any(low <= int(leg[1]) <= high for low, high in behind))
    return next(fit, None)


def _contradict(one: PlainTunnel, other: PlainTunnel) -> bool:
    """Say whether both lead from one asset to one address, which a site file may not have either."""
    return any(
        first.at == second.at and low <= last and begin <= high
        for first, far in zip(one.ends, one.ends[::-1], strict=True)
        for second, away in zip(other.ends, other.ends[::-1], strict=True)
        for low, high in far.behind
        for begin, last in away.behind
    )


def tunnel_lines(held: Sequence[PlainTunnel]) -> list[str]:
    """Write them as a site file has them."""
    lines = ["tunnels:"] if held else []
    for number, tunnel in enumerate(held):
        kind = "wireguard" if tunnel.ends[0].interface else "ipsec"
        lines += [f"  t{number}:", f"    kind: {kind}", "    ends:"]
        lines += [f"      {end.at}: {{{', '.join(_end_words(end, number))}}}" for end in tunnel.ends]
    return lines


def _end_words(end: PlainEnd, number: int) -> list[str]:
    prefixes = [
        str(network)
        for low, high in end.behind
        for network in summarize_address_range(IPv4Address(low), IPv4Address(high))
    ]
    words = [f"networks: [{', '.join(prefixes)}]"]
    if end.address is not None:
        words.append(f"address: {IPv4Address(end.address)}")
    if end.inside is not None:
        words.append(f"inside: {IPv4Address(end.inside)}")
    if end.interface is None:
        words.append(f"identity: {end.at}, certificate: {end.at}.pem, ca: [ca.pem]")
    else:
        words.append(f"interface: {end.interface}")
    if end.interface is not None and end.address is not None:
        words.append(f"port: {51_820 + number}")
    if end.ports:
        words.append(f"ports: [{', '.join(_PORTS[port] for port in end.ports)}]")
    return words
