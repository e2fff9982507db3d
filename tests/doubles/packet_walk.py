"""
A packet's walk through routers, one packet at a time: the plain way to what the proof computes with sets.

It shares no code with the proof but the parsed rule sets, so that the two share no bug of sets or boxes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modwarden.site.rulesets import Action, Chain, Hook, Match, Rule, Ruleset, Table

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Flying:
    """A packet on a segment; its addresses are IPv4 and plain numbers."""

    source: int
    destination: int
    protocol: int
    port: int
    source_port: int = 40_000


@dataclass(frozen=True)
class PlainRouter:
    """Interfaces by name, each with its segment and address, and the rule sets."""

    interfaces: dict[str, tuple[str, int]]
    rulesets: tuple[Ruleset, ...]

    @property
    def own(self) -> set[int]:
        return {address for _, address in self.interfaces.values()}


@dataclass(frozen=True)
class PlainHost:
    """A host on several segments, with an address on each."""

    name: str
    legs: dict[str, int]


@dataclass(frozen=True)
class PlainWorld:
    """Segments with the addresses on them, routers and hosts."""

    segments: dict[str, tuple[int, ...]]
    routers: tuple[PlainRouter, ...]
    hosts: tuple[PlainHost, ...]

    def reached(self, start: str, services: tuple[tuple[int, int], ...]) -> set[tuple[str, int, int, int]]:
        """Give each segment, address, protocol and port that something sent from a segment arrives at."""
        found: set[tuple[str, int, int, int]] = set()
        entered: set[str] = set()
        origins = [(start, source) for source in self.segments[start]]
        is_first = True
        while origins:
            arrivals = {
                arrival
                for segment, source in origins
                for destination in self._all_addresses()
                for protocol, port in services
                for arrival in self._fly(segment, Flying(source, destination, protocol, port), set())
            }
            origins = []
            for segment, packet, hops in arrivals:
                if hops or not is_first:
                    found.add((segment, packet.destination, packet.protocol, packet.port))
                for host in self.hosts:
                    if host.legs.get(segment) == packet.destination and host.name not in entered:
                        entered.add(host.name)
                        origins += list(host.legs.items())
            is_first = False
        return found

    def _all_addresses(self) -> list[int]:
        listed = {address for addresses in self.segments.values() for address in addresses}
        return sorted(listed | {address for router in self.routers for address in router.own})

    def _fly(
        self,
        segment: str,
        packet: Flying,
        seen: set[tuple[str, Flying, int | None]],
        hops: int = 0,
        sender: int | None = None,
    ) -> Iterator[tuple[str, Flying, int]]:
        if (segment, packet, sender) in seen:
            return
        seen.add((segment, packet, sender))
        if packet.destination in self.segments[segment]:
            yield segment, packet, hops
        for number, router in enumerate(self.routers):
            for name, (here, _) in router.interfaces.items():
                # No router hears what it has sent itself.
                if here != segment or number == sender:
                    continue
                for onward, changed in self._route(router, name, packet):
                    yield from self._fly(onward, changed, seen, hops + 1, number)

    def _route(self, router: PlainRouter, inward: str, packet: Flying) -> Iterator[tuple[str, Flying]]:
        for arrived in through_hook(router, Hook.PREROUTING, packet, inward, ""):
            if arrived.destination in router.own:
                continue
            is_written = (arrived.destination, arrived.port) != (packet.destination, packet.port)
            segment = router.interfaces[inward][0]
            if arrived.destination in self.segments[segment] and not is_written:
                continue
            for outward in self._ways(router, arrived.destination):
                for forwarded in through_hook(router, Hook.FORWARD, arrived, inward, outward):
                    for sent in through_hook(router, Hook.POSTROUTING, forwarded, inward, outward):
                        yield router.interfaces[outward][0], sent

    def _ways(self, router: PlainRouter, destination: int) -> list[str]:
        attached = [
            name for name, (segment, _) in router.interfaces.items() if destination in self.segments[segment]
        ]
        return attached or list(router.interfaces)


def through_hook(
    router: PlainRouter, hook: Hook, packet: Flying, inward: str, outward: str
) -> Iterator[Flying]:
    """Give what leaves a hook: nothing, or the packet as its chains write it."""
    based = [
        (chain, table)
        for ruleset in router.rulesets
        for table in ruleset.tables
        for chain in table.chains.values()
        if chain.hook is hook
    ]
    packets = [packet]
    for chain, table in sorted(based, key=lambda pair: pair[0].priority):
        packets = [
            written
            for one in packets
            for written in _chain_result(_Ground(router, table, inward, outward), chain, one)
        ]
    yield from packets


@dataclass(frozen=True)
class _Ground:
    router: PlainRouter
    table: Table
    inward: str
    outward: str


def _chain_result(ground: _Ground, chain: Chain, packet: Flying) -> list[Flying]:
    rule, verdict = _decide(ground, chain, packet)
    if verdict is None:
        return [packet] if chain.accepts else []
    if verdict is Action.DROP:
        return []
    if verdict is Action.ACCEPT or rule is None:
        return [packet]
    return _written(ground, rule, packet)


def _decide(ground: _Ground, chain: Chain, packet: Flying) -> tuple[Rule | None, Action | None]:
    for rule in chain.rules:
        if not any(_meets(ground, match, packet) for match in rule.matches) or rule.action is Action.CONTINUE:
            continue
        if rule.action is Action.RETURN:
            return rule, None
        if rule.action in (Action.JUMP, Action.GOTO):
            inner, verdict = _decide(ground, ground.table.chains[rule.target or ""], packet)
            if verdict is not None or rule.action is Action.GOTO:
                return inner, verdict
            continue
        return rule, rule.action
    return None, None


def _meets(ground: _Ground, match: Match, packet: Flying) -> bool:
    dimensions = (
        (match.source, packet.source),
        (match.destination, packet.destination),
        (match.service, packet.protocol * 65_536 + packet.port),
        (match.source_port, packet.source_port),
    )
    for held, number in dimensions:
        if held.intervals is not None and not any(low <= number < high for low, high in held.intervals):
            return False
    return all(names.holds(ground.inward) for names in match.inward) and all(
        names.holds(ground.outward) for names in match.outward
    )


def _written(ground: _Ground, rule: Rule, packet: Flying) -> list[Flying]:
    if rule.action is Action.MASQUERADE:
        return [replace(packet, source=ground.router.interfaces[ground.outward][1])]
    if rule.action is Action.REDIRECT:
        own = sorted(ground.router.own)
        return [
            replace(packet, destination=address, port=port)
            for address in own
            for port in _ports(rule, packet)
        ]
    addresses = _members(rule)
    if rule.action is Action.SNAT:
        return [replace(packet, source=address) for address in addresses or [packet.source]]
    return [
        replace(packet, destination=address, port=port)
        for address in addresses or [packet.destination]
        for port in _ports(rule, packet)
    ]


def _members(rule: Rule) -> list[int]:
    held = rule.translation.addresses if rule.translation is not None else None
    return [] if held is None else [n for low, high in held.intervals or () for n in range(low, high)]


def _ports(rule: Rule, packet: Flying) -> list[int]:
    held = rule.translation.ports if rule.translation is not None else None
    return (
        [packet.port] if held is None else [n for low, high in held.intervals or () for n in range(low, high)]
    )
