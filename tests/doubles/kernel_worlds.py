"""Worlds drawn for real packets: routers in a row, hosts with two legs, IPv4 and IPv6, rule sets with NAT."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from tests.doubles.drawn_worlds import piece

from modwarden.model import ZoneName
from modwarden.site import load_site
from modwarden.site.proof.prove import World, load_rulesets
from modwarden.site.proof.space import DESTINATION, SERVICE
from modwarden.site.rulesets.sets import PORTS, address_number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEGMENTS = ("a", "b", "c", "d")
# Two that rules may name, and one that none does.
HOSTS = (11, 12, 99)
# One of each class that the drawn rules tell apart: ssh, Modbus, two of NAT rules, any other.
TCP_PORTS = (22, 502, 8502, 600, 1)
FAMILIES = (4, 6)
_ROUTER_AT, _HOST_AT = 1, 30


def at(segment: str, number: int, family: int) -> str:
    """Give an address of a segment."""
    index = SEGMENTS.index(segment)
    return f"10.0.{index}.{number}" if family == 4 else f"fd00:{index + 1}::{number:x}"


def network(segment: str, family: int) -> str:
    index = SEGMENTS.index(segment)
    return f"10.0.{index}.0/24" if family == 4 else f"fd00:{index + 1}::/64"


@dataclass(frozen=True)
class Leg:
    """An interface of a machine that stands on several segments."""

    name: str
    segment: str
    number: int


@dataclass(frozen=True)
class Machine:
    """A router with a rule set, a host that forwards without one, or one that only has two legs."""

    name: str
    legs: tuple[Leg, ...]
    forwards: bool = True
    rules: str = ""


@dataclass(frozen=True)
class KernelWorld:
    """All machines of a drawn world; segments are those that they stand on."""

    machines: tuple[Machine, ...]

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(leg.segment for machine in self.machines for leg in machine.legs))

    @property
    def routers(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines if machine.forwards)

    def on(self, segment: str) -> list[tuple[Machine, Leg]]:
        return [(m, leg) for m in self.routers for leg in m.legs if leg.segment == segment]

    def routes(self, machine: Machine) -> Iterator[tuple[str, Leg]]:
        """By segment that a router is not attached to, the leg of the next router towards it."""
        attached = {leg.segment for leg in machine.legs}
        for target in self.segments:
            if target not in attached and (leg := self._towards(machine, target)) is not None:
                yield target, leg

    def _towards(self, machine: Machine, target: str) -> Leg | None:
        """Search breadth-first, so that routes of all routers agree and no packet goes in a circle."""
        queue: deque[tuple[Machine, Leg | None]] = deque([(machine, None)])
        seen = {machine.name}
        while queue:
            here, first = queue.popleft()
            if first is not None and target in {leg.segment for leg in here.legs}:
                return first
            for mine in here.legs:
                for other, leg in self.on(mine.segment):
                    if other.name not in seen:
                        seen.add(other.name)
                        queue.append((other, first or leg))
        return None

    def site(self) -> str:
        lines = ["modwarden: 1", "site: Drawn", "zones:"]
        for level, segment in enumerate(self.segments):
            networks = ", ".join(f'"{network(segment, family)}"' for family in FAMILIES)
            lines.append(f"  {segment}: {{level: {3 - level}, networks: [{networks}]}}")
        lines.append("assets:")
        lines += [self._asset(machine) for machine in self.machines]
        for segment in self.segments:
            for number in HOSTS[:2]:
                held = ", ".join(f'"{at(segment, number, family)}"' for family in FAMILIES)
                lines.append(f"  {segment}-{number}: {{zone: {segment}, addresses: [{held}]}}")
        return "\n".join(lines) + "\n"

    def _asset(self, machine: Machine) -> str:
        legs = ", ".join(
            f"{leg.name}: [{', '.join(repr(at(leg.segment, leg.number, f)) for f in FAMILIES)}]"
            for leg in machine.legs
        )
        words = f"zone: {machine.legs[0].segment}, interfaces: {{{legs}}}"
        if machine.forwards:
            routes = ", ".join(
                f"{{to: '{network(target, family)}', via: '{at(leg.segment, leg.number, family)}'}}"
                for target, leg in self.routes(machine)
                for family in FAMILIES
            )
            words += f", forwards: true, routes: [{routes}]"
        if machine.rules:
            words += f", rulesets: [{{file: {machine.name}.nft}}]"
        return f"  {machine.name}: {{{words}}}"


@st.composite
def kernel_worlds(draw: st.DrawFn) -> KernelWorld:
    machines = []
    for number in range(draw(st.integers(1, 3))):
        legs = tuple(
            Leg(f"to-{segment}", segment, _ROUTER_AT + number)
            for segment in (SEGMENTS[number], SEGMENTS[number + 1])
        )
        machines.append(Machine(f"r{number}", legs, rules=draw(_rules(legs))))
    used = [leg.segment for machine in machines for leg in machine.legs]
    pairs = st.lists(st.sampled_from(sorted(set(used))), min_size=2, max_size=2, unique=True)
    for number, forwards in enumerate(draw(st.sampled_from([(), (False,), (True,), (False, True)]))):
        legs = tuple(Leg(f"to-{segment}", segment, _HOST_AT + number) for segment in draw(pairs))
        machines.append(Machine(f"h{number}", legs, forwards))
    return KernelWorld(tuple(machines))


@st.composite
def _rules(draw: st.DrawFn, legs: tuple[Leg, ...]) -> str:
    verdict = st.sampled_from(["accept", "drop", "jump inner", "goto inner", "return"])
    rules = [f"    {draw(_selector(legs))} {draw(verdict)}" for _ in range(draw(st.integers(0, 6)))]
    ends = st.sampled_from(["accept", "drop", "reject", "return"])
    inner = [f"    {draw(_selector(legs))} {draw(ends)}" for _ in range(draw(st.integers(0, 3)))]
    # Twice as often open as closed: through three routers hardly anything would arrive.
    policy = draw(st.sampled_from(["accept", "accept", "drop"]))
    head = f"    type filter hook forward priority filter; policy {policy};\n    ct state established accept"
    filters = [
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
    translated = [draw(_nat(legs, family)) for family in FAMILIES if draw(st.booleans())]
    return "\n".join([*filters, *translated, ""])


@st.composite
def _selector(draw: st.DrawFn, legs: tuple[Leg, ...]) -> str:
    family = draw(st.sampled_from(FAMILIES))
    word = "ip" if family == 4 else "ip6"
    parts = []
    if draw(st.booleans()):
        parts.append(f"{word} saddr {draw(st.sampled_from(['', '!= ']))}{draw(_addresses(family))}")
    if draw(st.booleans()):
        parts.append(f"{word} daddr {draw(_addresses(family))}")
    if draw(st.booleans()):
        ports = ["tcp dport 502", "tcp dport { 22, 502 }", "tcp dport 500-9000", "meta l4proto udp"]
        parts.append(draw(st.sampled_from([*ports, "tcp dport != 502"])))
    if draw(st.integers(0, 3)) == 0:
        side = draw(st.sampled_from(["iifname", "oifname"]))
        parts.append(f'{side} "{draw(st.sampled_from(legs)).name}"')
    return " ".join(parts)


@st.composite
def _addresses(draw: st.DrawFn, family: int) -> str:
    segment = draw(st.sampled_from(SEGMENTS))
    one = at(segment, draw(st.sampled_from([11, 12])), family)
    other = at(draw(st.sampled_from(SEGMENTS)), 11, family)
    both = one if one == other else f"{{ {one}, {other} }}"
    return draw(st.sampled_from([one, network(segment, family), both]))


@st.composite
def _nat(draw: st.DrawFn, legs: tuple[Leg, ...], family: int) -> str:
    word = "ip" if family == 4 else "ip6"
    number = draw(st.sampled_from([11, 12]))
    target = at(draw(st.sampled_from(SEGMENTS)), number, family)
    with_port = f"{target}:502" if family == 4 else f"[{target}]:502"
    own = at(legs[0].segment, legs[0].number, family)
    inward = [
        f"{word} daddr {own} tcp dport 8502 dnat to {with_port}",
        f"{word} daddr {own} tcp dport {{ 22, 600-700 }} dnat to {target}",
        f"tcp dport 8502 dnat to {with_port}",
        f'iifname "{legs[0].name}" {word} daddr {own} dnat to {target}',
        "tcp dport 22 redirect",
        f"tcp dport 22 {word} saddr {draw(_addresses(family))} dnat to {with_port}",
    ]
    outward = [
        f'oifname "{legs[0].name}" masquerade',
        f"{word} saddr {draw(_addresses(family))} snat to {own}",
        f'oifname "{legs[-1].name}" tcp dport 502 masquerade',
    ]
    lines = [
        f"table {word} nat {{",
        "  chain pre {", "    type nat hook prerouting priority dstnat;",
        f"    {draw(st.sampled_from(inward))}", "  }",
        "  chain post {", "    type nat hook postrouting priority srcnat;",
        f"    {draw(st.sampled_from(outward))}", "  }",
        "}",
    ]  # fmt: skip
    return "\n".join(lines)


class ProvenWorld:
    """What the proof says of a drawn world."""

    def __init__(self, world: KernelWorld, folder: Path) -> None:
        (folder / "site.yaml").write_text(world.site())
        for machine in world.machines:
            (folder / f"{machine.name}.nft").write_text(machine.rules)
        site = load_site(folder / "site.yaml")
        self.world = world
        self.proof = World(site, load_rulesets(site))
        self.proof.problems.raise_if_any()

    def reached(self, start: str) -> set[tuple[str, str, int]]:
        """Give the segments, addresses and ports that arrive elsewhere; for a router's own, its name."""
        found = set()
        space = self.proof.topology.space
        for one in self.proof.walk(ZoneName(start), through_hosts=False).reached:
            ports = [
                port for port in TCP_PORTS if one.packets[SERVICE] & piece(space.services, 6 * PORTS + port)
            ]
            if one.router is not None:
                found |= {("router", str(one.router.name), port) for port in ports}
            elif one.zone != start:
                found |= {
                    (str(one.zone), address, port)
                    for address in self._addresses(str(one.zone))
                    if one.packets[DESTINATION] & piece(space.addresses, address_number(ip_address(address)))
                    for port in ports
                }
        return found

    def _addresses(self, segment: str) -> list[str]:
        held = [
            leg.number
            for m in self.world.machines
            if not m.forwards
            for leg in m.legs
            if leg.segment == segment
        ]
        return [at(segment, number, family) for number in (*HOSTS, *held) for family in FAMILIES]
