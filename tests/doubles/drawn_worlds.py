"""Worlds drawn for the proof: segments, routers with rule sets, hosts with two legs."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from tests.doubles.drawn_tunnels import Place, tunnel_lines, tunnels
from tests.doubles.packet_walk import PlainHost, PlainRouter, PlainTunnel, PlainWorld, source_ports

from modwarden.model import ZoneName
from modwarden.site import load_site
from modwarden.site.proof.prove import World, load_rulesets
from modwarden.site.proof.space import DESTINATION, SERVICE
from modwarden.site.rulesets import parse_nft_text
from modwarden.site.rulesets.sets import PORTS

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.site._axes import Axis
    from modwarden.site.proof.walk import Reached


# One of each class that the drawn rules can tell apart.
SERVICES = ((6, 22), (6, 502), (6, 8502), (6, 600), (6, 1), (17, 1), (1, 0))
# An address that no rule and no asset names.
ANYBODY = 99
SEGMENTS = ("a", "b", "c", "d")


def address(segment: str, host: int) -> IPv4Address:
    return IPv4Address(f"10.0.{SEGMENTS.index(segment)}.{host}")


@dataclass(frozen=True)
class Drawn:
    """A drawn world: its site file, its routers' rule sets, and the same for the plain walk."""

    site: str
    rulesets: dict[str, str]
    routers: dict[str, tuple[str, ...]]
    hosts: dict[str, tuple[str, ...]]
    tunnels: tuple[PlainTunnel, ...] = ()


@st.composite
def selectors(draw: st.DrawFn, legs: tuple[str, ...]) -> str:
    parts = []
    if draw(st.booleans()):
        sign = draw(st.sampled_from(["", "!= "]))
        parts.append(f"ip saddr {sign}{draw(addresses())}")
    if draw(st.booleans()):
        parts.append(f"ip daddr {draw(addresses())}")
    if draw(st.booleans()):
        parts.append(
            draw(
                st.sampled_from(
                    ["tcp dport 502", "tcp dport { 22, 502 }", "tcp dport 500-9000", "meta l4proto udp"]
                )
            )
        )
    if draw(st.integers(0, 3)) == 0:
        parts.append(f'iifname "{draw(st.sampled_from(legs))}"')
    return " ".join(parts)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    segment = draw(st.sampled_from(SEGMENTS))
    one = str(address(segment, draw(st.sampled_from([11, 12]))))
    other = str(address(draw(st.sampled_from(SEGMENTS)), 11))
    return draw(
        st.sampled_from([one, f"10.0.{SEGMENTS.index(segment)}.0/24", f"{{ {one}, {other} }}"]).filter(
            lambda t: t.count(one) < 2 or one != other
        )
    )


@st.composite
def filters(draw: st.DrawFn, legs: tuple[str, ...]) -> str:
    verdict = st.sampled_from(["accept", "drop", "jump inner", "goto inner", "return"])
    rules = [f"    {draw(selectors(legs))} {draw(verdict)}" for _ in range(draw(st.integers(0, 5)))]
    ends = st.sampled_from(["accept", "drop", "return"])
    inner = [f"    {draw(selectors(legs))} {draw(ends)}" for _ in range(draw(st.integers(0, 3)))]
    policy = draw(st.sampled_from(["accept", "drop"]))
    # Replies pass; no first packet is one.
    head = f"    type filter hook forward priority filter; policy {policy};\n    ct state established accept"
    return "\n".join(
        [
            "table inet filter {",
            "  chain inner {",
            *inner,
            "  }",
            "  chain forward {",
            head,
            *rules,
            "  }",
            "}",
        ]
    )


@st.composite
def nat(draw: st.DrawFn, legs: tuple[str, ...], own: str) -> str:
    target = address(draw(st.sampled_from(SEGMENTS)), draw(st.sampled_from([11, 12])))
    # A rule that writes what is there already would be a translation to one side and none to the other.
    inward = draw(
        st.sampled_from(
            [
                f"ip daddr {own} tcp dport 8502 dnat to {target}:502",
                f"ip daddr {own} tcp dport {{ 22, 600-700 }} dnat to {target}",
                f"tcp dport 8502 dnat to {target}:502",
                f'iifname "{legs[0]}" ip daddr {own} dnat to {target}',
                "tcp dport 22 redirect",
                f"tcp dport 22 ip saddr {draw(addresses())} dnat to {target}:600",
            ]
        )
    )
    outward = draw(
        st.sampled_from([f'oifname "{legs[0]}" masquerade', f"ip saddr {draw(addresses())} snat to {own}"])
    )
    return "\n".join(
        [
            "table ip nat {",
            "  chain pre {", "    type nat hook prerouting priority dstnat;", f"    {inward}", "  }",
            "  chain post {", "    type nat hook postrouting priority srcnat;", f"    {outward}", "  }",
            "}",
        ]
    )  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn, most_routers: int = 2, most_hosts: int = 1, most_tunnels: int = 0) -> Drawn:
    several = st.lists(st.sampled_from(SEGMENTS), min_size=2, max_size=3, unique=True)
    routers = {f"r{n}": tuple(draw(several)) for n in range(draw(st.integers(1, most_routers)))}
    hosts = {f"h{n}": tuple(draw(several)) for n in range(draw(st.integers(0, most_hosts)))}
    if most_tunnels:
        # A host with one leg: it is at the end of a tunnel and forwards nothing.
        hosts["t"] = (draw(st.sampled_from(SEGMENTS)),)
    held_tunnels = draw(tunnels(places(routers, hosts), SEGMENTS, most_tunnels)) if most_tunnels else ()
    rulesets = {}
    lines = ["modwarden: 1", "site: Drawn", "zones:"]
    lines += [f"  {s}: {{level: {3 - i}, networks: [10.0.{i}.0/24]}}" for i, s in enumerate(SEGMENTS)]
    lines.append("assets:")
    for number, (name, legs) in enumerate(routers.items()):
        own = {leg: str(address(leg, 1 + number)) for leg in legs}
        interfaces = ", ".join(f"to-{leg}: [{own[leg]}]" for leg in legs)
        ends = [end for tunnel in held_tunnels for end in tunnel.ends if end.at == name]
        named = (*(f"to-{leg}" for leg in legs), *(end.interface for end in ends if end.interface))
        held = draw(filters(named))
        if draw(st.booleans()):
            held += "\n" + draw(nat(tuple(draw(st.permutations(named))), own[legs[0]]))
        rulesets[name] = held
        lines.append(
            f"  {name}: {{zone: {legs[0]}, interfaces: {{{interfaces}}}, forwards: true,"
            f" rulesets: [{{file: {name}.nft}}]}}"
        )
    for number, (name, legs) in enumerate(hosts.items()):
        held_addresses = ", ".join(str(address(leg, 30 + number)) for leg in legs)
        lines.append(f"  {name}: {{zone: {legs[0]}, addresses: [{held_addresses}]}}")
    for segment in SEGMENTS:
        lines.append(
            f'  {segment}-[1-2]: {{zone: {segment}, addresses: ["10.0.{SEGMENTS.index(segment)}.[11-12]"]}}'
        )
    lines += tunnel_lines(held_tunnels)
    return Drawn("\n".join(lines) + "\n", rulesets, routers, hosts, held_tunnels)


def places(routers: dict[str, tuple[str, ...]], hosts: dict[str, tuple[str, ...]]) -> list[Place]:
    """Give what a tunnel may end at."""
    return [
        Place(name, {leg: address(leg, first + number) for leg in legs}, first == 1)
        for held, first in ((routers, 1), (hosts, 30))
        for number, (name, legs) in enumerate(held.items())
    ]


def plain_world(drawn: Drawn) -> PlainWorld:
    segments = {s: [int(address(s, 11)), int(address(s, 12)), int(address(s, ANYBODY))] for s in SEGMENTS}
    hosts = []
    for number, (name, legs) in enumerate(drawn.hosts.items()):
        own = {leg: int(address(leg, 30 + number)) for leg in legs}
        inside = [end.inside for tunnel in drawn.tunnels for end in tunnel.ends if end.at == name]
        hosts.append(PlainHost(name, own, tuple(one for one in inside if one is not None)))
        for leg, number_of in own.items():
            segments[leg].append(number_of)
    routers = []
    for number, (name, legs) in enumerate(drawn.routers.items()):
        interfaces = {f"to-{leg}": (leg, int(address(leg, 1 + number))) for leg in legs}
        for leg, number_of in interfaces.values():
            segments[leg].append(number_of)
        ends = [end for tunnel in drawn.tunnels for end in tunnel.ends if end.at == name]
        inside_of = {end.interface: end.inside for end in ends if end.interface is not None}
        ruleset = parse_nft_text(drawn.rulesets[name], name)
        routers.append(PlainRouter(interfaces, (ruleset,), name, inside_of, source_ports(drawn.tunnels)))
    held = {s: tuple(numbers) for s, numbers in segments.items()}
    return PlainWorld(held, tuple(routers), tuple(hosts), drawn.tunnels)


def proven(drawn: Drawn, folder: Path, start: str, plain: PlainWorld) -> set[tuple[str, int, int, int]]:
    (folder / "site.yaml").write_text(drawn.site)
    for name, text in drawn.rulesets.items():
        (folder / f"{name}.nft").write_text(text)
    site = load_site(folder / "site.yaml")
    world = World(site, load_rulesets(site))
    space = world.topology.space
    found = set()
    for one in world.walk(ZoneName(start), through_hosts=True).reached:
        # What comes out of a tunnel at a host is at the host itself, on no segment.
        host = next((h for h in plain.hosts if one.step.tunnel is not None and h.name == _asset(one)), None)
        where = str(one.zone) if host is None else host.name
        for number in plain.segments[where] if host is None else sorted(host.own):
            to = piece(space.addresses, number)
            for protocol, port in SERVICES:
                on = piece(space.services, protocol * PORTS + port)
                if one.router is None and one.packets[DESTINATION] & to and one.packets[SERVICE] & on:
                    found.add((where, number, protocol, port))
    return found


def _asset(one: Reached) -> str:
    return "" if one.step.asset is None else str(one.step.asset.name)


def piece(axis: Axis, number: int) -> int:
    """Give the piece of an axis that a number lies in."""
    return 1 << (bisect_right(axis.cuts, number) - 1)
