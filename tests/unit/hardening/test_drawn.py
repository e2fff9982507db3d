"""
Drawn sites, their routers' rules read back, and packets walked through them one at a time.

Invariant tested: from a host of one segment to a host of another, over any number of routers, the written
rules let pass exactly what conduits and flows declare, and the importer takes none of them for wider.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.packet_walk import PlainRouter, PlainWorld

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site
from modwarden.site.rulesets import Rule, Ruleset, parse_nft_text

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONES = {"office": 3, "dmz": 2, "control": 1, "field": 0}
HOSTS = (5, 6)
PORTS = (22, 443, 502, 1502)


def address(zone: str, host: int) -> str:
    return f"10.0.{list(ZONES).index(zone)}.{host}"


def name(zone: str, host: int) -> str:
    return f"{zone}-{host}"


@dataclass(frozen=True)
class Flow:
    source: str
    destination: str
    port: int

    @property
    def line(self) -> str:
        return f"{{from: [{self.source}], to: [{self.destination}], ports: [tcp/{self.port}]}}"

    def pairs(self) -> set[tuple[str, str, int]]:
        return {
            (one, other, self.port) for one in members(self.source) for other in members(self.destination)
        }


def members(word: str) -> list[str]:
    zone, _, host = word.partition("-")
    return [address(zone, int(host))] if host else [address(zone, one) for one in HOSTS]


@dataclass(frozen=True)
class Drawn:
    """Segments in a chain with a router between each two, or around one router; flows, and a conduit."""

    routers: tuple[tuple[str, ...], ...]
    flows: tuple[Flow, ...]
    clients: tuple[str, ...]

    def text(self) -> str:
        lines = ["modwarden: 1", "site: Drawn", "zones:"]
        for zone, level in ZONES.items():
            lines.append(f"  {zone}: {{level: {level}, networks: [{address(zone, 0)}/24]}}")
        lines.append("assets:")
        for number, legs in enumerate(self.routers):
            own = ", ".join(f"{leg}: [{address(leg, 1 + number)}]" for leg in legs)
            lines.append(f"  r{number}: {{zone: {legs[0]}, interfaces: {{{own}}}, forwards: true}}")
        for zone in ZONES:
            lines += [
                f"  {name(zone, host)}: {{zone: {zone}, addresses: [{address(zone, host)}], unit_ids: [1]}}"
                for host in HOSTS
            ]
        lines += ["flows:", *(f"  flow-{n}: {flow.line}" for n, flow in enumerate(self.flows))]
        return "\n".join([*lines, *self._conduit()]) + "\n"

    def _conduit(self) -> list[str]:
        return [
            "conduits:",
            "  cell:",
            "    from: [office, dmz, control]",
            "    to: field",
            "    guard: control-5",
            f'    servers: {{field-5: {{listen: "{address("control", 5)}:1502"}}}}',
            f"    rules: [{{name: reads, clients: [{', '.join(self.clients)}], permit: [read]}}]",
        ]

    def declared(self) -> set[tuple[str, str, int]]:
        """Give every pair that may connect; a zone in `to` means what is in it, but for the guard."""
        guard = address("control", 5)
        found = {(one, guard, 1502) for word in self.clients for one in members(word)}
        found.add((guard, address("field", 5), 502))
        for flow in self.flows:
            whole = "-" not in flow.destination
            found |= {pair for pair in flow.pairs() if not (whole and pair[1] == guard)}
        return {pair for pair in found if zone_of(pair[0]) != zone_of(pair[1])}


def zone_of(text: str) -> str:
    return text.rpartition(".")[0]


@st.composite
def drawn_sites(draw: st.DrawFn) -> Drawn:
    zones = list(ZONES)
    chain = tuple((zones[n], zones[n + 1]) for n in range(len(zones) - 1))
    shapes = ((tuple(zones),), chain, (("office", "dmz"), ("dmz", "control", "field")))
    words = st.sampled_from([*zones, *(name(zone, host) for zone in zones for host in HOSTS)])
    flows = st.builds(Flow, words, words, st.sampled_from(PORTS))
    clients = st.sampled_from([word for zone in zones[:3] for word in (zone, name(zone, 6))])
    return Drawn(
        draw(st.sampled_from(shapes)),
        tuple(draw(st.lists(flows, min_size=1, max_size=4))),
        tuple(draw(st.lists(clients, min_size=1, max_size=3, unique=True))),
    )


def rules_of(drawn: Drawn) -> list[Ruleset]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(drawn.text())
        site = load_site(path)
        texts = [render_host(site, AssetName(f"r{n}"))[0].text for n in range(len(drawn.routers))]
    return [parse_nft_text(text, "rules.nft") for text in texts]


def walked(drawn: Drawn, rules: list[Ruleset]) -> set[tuple[str, str, int]]:
    number = {zone: [int(IPv4Address(address(zone, host))) for host in HOSTS] for zone in ZONES}
    routers = []
    for index, (legs, held) in enumerate(zip(drawn.routers, rules, strict=True)):
        interfaces = {leg: (leg, int(IPv4Address(address(leg, 1 + index)))) for leg in legs}
        routers.append(PlainRouter(interfaces, (held,)))
    found = set()
    for zone in ZONES:
        for source in number[zone]:
            segments = {**{one: tuple(held) for one, held in number.items()}, zone: (source,)}
            world = PlainWorld(segments, tuple(routers), ())
            reached = world.reached(zone, tuple((6, port) for port in PORTS))
            found |= {
                (str(IPv4Address(source)), str(IPv4Address(to)), port)
                for at, to, _, port in reached
                if at != zone and to in number[at]
            }
    return found


@settings(max_examples=int(os.environ.get("PROPTEST_CASES", "12")), deadline=None)
@given(drawn=drawn_sites())
def test_the_written_rules_let_pass_exactly_what_is_declared(drawn: Drawn) -> None:
    rules = rules_of(drawn)

    assert walked(drawn, rules) == drawn.declared(), drawn.text()
    assert all(not rule.uncertain for held in rules for rule in every_rule(held))


def every_rule(held: Ruleset) -> Iterator[Rule]:
    return (rule for table in held.tables for chain in table.chains.values() for rule in chain.rules)
