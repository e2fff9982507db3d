"""
A router with its rule sets, as what it does to sets of packets.

Kept true here:
* a packet passes the hooks in the kernel's order: prerouting, the way, input or forward, postrouting;
* a router without rule sets lets everything pass, one without `routes` may know a way to every network;
* what a socket of the router takes by `tproxy` keeps its destination and goes to input; without the socket it
  goes on, and both are given;
* an interface that a rule names and the site file does not is an error: its rules would be held for dead.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from modwarden.model import Asset, Network, Route, TunnelEnd, TunnelKind, ZoneName
from modwarden.site.proof.chains import ChainReader, Outcome
from modwarden.site.proof.interfaces import Attached, attached_to
from modwarden.site.proof.space import DESTINATION, INWARD, SERVICE, SOURCE, Box, Packets, full, meet
from modwarden.site.proof.topology import Topology
from modwarden.site.proof.tunnels import Entrance
from modwarden.site.rulesets import (
    Action,
    Chain,
    Hook,
    Names,
    Rule,
    Ruleset,
    RulesetError,
    Table,
    Translation,
)
from modwarden.site.rulesets._names import WITH_PORTS
from modwarden.site.rulesets.sets import ALL, address_number, network_interval, service

Rules: TypeAlias = tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Where packets for some destinations leave; `outcomes` are those of the first filter on that way."""

    destinations: int
    outward: int
    next_hop: int | None = None
    entrance: Entrance | None = None
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """Packets that a router let pass, where they came out, and by which rules."""

    zone: ZoneName | None
    packets: Packets
    rules: Rules
    inward: int
    outward: int
    next_hop: int | None = None
    entrance: Entrance | None = None
    is_taken: bool = False
    """A socket of the router took it, though its destination is elsewhere."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Packets behind prerouting."""

    box: Box
    rules: Rules
    is_written: bool = False
    is_taken: bool = False


@dataclass(slots=True)
class Router:
    """One router of the site."""

    asset: Asset
    topology: Topology
    rulesets: Sequence[Ruleset]
    crowded: frozenset[ZoneName]
    interfaces: tuple[Attached, ...] = ()
    own: int = 0
    is_cut_short: bool = False
    stages: dict[Hook, list[list[Outcome]]] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()
    writes_sources: bool = False

    def __post_init__(self) -> None:
        self.interfaces = tuple(attached_to(self.asset, self.topology))
        self.own = self.topology.addresses_of[self.asset.name]
        self._check_addresses()
        self._check_names()
        # What a host sends of its own accord is no path through it.
        self.stages = {hook: list(self._stages(hook)) for hook in Hook if hook is not Hook.OUTPUT}
        first = (
            self.stages[Hook.FORWARD].pop(0) if self.stages[Hook.FORWARD] else [Outcome(self._everything())]
        )
        self.writes_sources = any(
            outcome.action is not Action.ACCEPT
            for stage in self.stages[Hook.POSTROUTING]
            for outcome in stage
        )
        self.ways = tuple(_with_outcomes(way, first) for way in self._ways())

    def stands_on(self, zone: ZoneName) -> bool:
        """Say whether one of its interfaces is on a zone's segment."""
        return any(zone in interface.zones for interface in self.interfaces)

    def interface(self, name: str) -> Attached:
        """Find an interface by its name."""
        return next(one for one in self.interfaces if one.name == name)

    def take(self, zone: ZoneName, packets: Packets) -> Iterator[Passed]:
        """Give what becomes of packets that arrive from a segment."""
        inward = sum(one.bit for one in self.interfaces if zone in one.zones)
        yield from self.take_at(inward, packets, on_link=self.topology.owned[zone])

    def take_at(
        self, inward: int, packets: Packets, on_link: int = 0, *, is_decrypted: bool = False
    ) -> Iterator[Passed]:
        """Give what becomes of packets that arrive at an interface, in the clear or out of a tunnel."""
        box = (*packets, inward, self._all_outward())
        for arrived in self._prerouted(box):
            local = arrived.box if arrived.is_taken else _narrowed(arrived.box, DESTINATION, self.own)
            if local is not None:
                yield from self._local(local, arrived)
            # What is for the segment it came from needs no router, unless it was written anew.
            away = ~self.own if arrived.is_written else ~self.own & ~on_link
            remote = None if arrived.is_taken else _narrowed(arrived.box, DESTINATION, away)
            if remote is not None:
                # What came through a tunnel may leave where the tunnel's own packets arrived.
                may_return = arrived.is_written or self.writes_sources or is_decrypted
                yield from self._forwarded(remote, arrived.rules, is_written=may_return)

    def _local(self, box: Box, arrived: _Arrived) -> Iterator[Passed]:
        for passed, more in _through(box, arrived.rules, self.stages[Hook.INPUT]):
            yield Passed(None, passed[:4], more, passed[4], 0, is_taken=arrived.is_taken)

    def _forwarded(self, box: Box, rules: Rules, *, is_written: bool) -> Iterator[Passed]:
        source, to, inward = box[SOURCE], box[DESTINATION], box[INWARD]
        for way in self.ways:
            # Whoever is on the segment it came from has it already, unless it was written anew.
            goes_back = way.entrance is None and not way.outward & ~inward and not is_written
            if goes_back or not to & way.destinations:
                continue
            for outcome in way.outcomes:
                # Asked before all else: most of 5,000 rules are of other zones.
                if not (outcome.box[DESTINATION] & to and outcome.box[SOURCE] & source):
                    continue
                both = meet(box, outcome.box)
                if both is not None:
                    yield from self._outward(both, _and(rules, outcome.rule), way)

    def _outward(self, box: Box, rules: Rules, way: Way) -> Iterator[Passed]:
        for passed, more in _through(box, rules, self.stages[Hook.FORWARD]):
            for interface in self.interfaces:
                if passed[5] & interface.bit:
                    one = (*passed[:5], interface.bit)
                    yield from self._postrouted(one, more, interface, way)

    def _postrouted(self, box: Box, rules: Rules, interface: Attached, way: Way) -> Iterator[Passed]:
        states = [(box, rules)]
        for stage in self.stages[Hook.POSTROUTING]:
            states = [
                (self._source_written(both, outcome, interface), _and(held, outcome.rule))
                for one, held in states
                for outcome in stage
                if (both := meet(one, outcome.box)) is not None
            ]
        for passed, more in states:
            if way.entrance is not None:
                for admitted in way.entrance.admitted:
                    both = meet(passed, (*admitted, passed[4], passed[5]))
                    if both is not None:
                        yield Passed(None, both[:4], more, passed[4], interface.bit, None, way.entrance)
                continue
            for zone in interface.zones:
                yield Passed(zone, passed[:4], more, passed[4], interface.bit, way.next_hop)

    def _prerouted(self, box: Box) -> list[_Arrived]:
        states = [_Arrived(box, ())]
        for stage in self.stages[Hook.PREROUTING]:
            states = [
                _Arrived(
                    self._destination_written(both, outcome),
                    _and(one.rules, outcome.rule),
                    one.is_written or outcome.translation is not None,
                    one.is_taken or outcome.action is Action.TPROXY,
                )
                for one in states
                for outcome in stage
                if (both := meet(one.box, outcome.box)) is not None
            ]
        return states

    def _destination_written(self, box: Box, outcome: Outcome) -> Box:
        written = outcome.translation
        if written is None:
            return box
        destination = box[DESTINATION]
        if outcome.action is Action.REDIRECT:
            destination = self.own
        elif written.addresses is not None:
            destination = self.topology.space.address_mask(written.addresses)
        return (box[0], destination, self._service_written(box[SERVICE], written), *box[3:])

    def _service_written(self, services: int, written: Translation) -> int:
        if written.ports is None:
            return services
        space, found = self.topology.space, 0
        for protocol in WITH_PORTS:
            if services & space.service_mask(service(protocol)):
                found |= space.service_mask(service(protocol, written.ports))
        return found

    def _source_written(self, box: Box, outcome: Outcome, interface: Attached) -> Box:
        if outcome.action not in (Action.SNAT, Action.MASQUERADE):
            return box
        space, source = self.topology.space, box[SOURCE]
        if outcome.action is Action.MASQUERADE:
            source = interface.addresses or self.own or source
        elif outcome.translation is not None and outcome.translation.addresses is not None:
            source = space.address_mask(outcome.translation.addresses)
        return (source, box[1], box[2], space.everything[3], box[4], box[5])

    def _everything(self) -> Box:
        return (*self.topology.space.everything, self._all_outward(), self._all_outward())

    def _all_outward(self) -> int:
        # One bit more stands for what is no interface, so that a router without any still has boxes.
        return (1 << (len(self.interfaces) + 1)) - 1

    def _stages(self, hook: Hook) -> Iterator[list[Outcome]]:
        based = [
            (chain, table)
            for ruleset in self.rulesets
            for table in ruleset.tables
            for chain in table.chains.values()
            if chain.hook is hook and (chain.rules or not chain.accepts)
        ]
        for chain, table in sorted(based, key=lambda pair: pair[0].priority):
            yield self._stage(chain, table)

    def _stage(self, chain: Chain, table: Table) -> list[Outcome]:
        everything = self._everything()
        reader = ChainReader(
            table, {id(rule): self._boxes(rule) for c in table.chains.values() for rule in c.rules}
        )
        seen, unseen = self._families(table, everything)
        outcomes = reader.outcomes(chain, seen)
        self.is_cut_short |= reader.is_cut_short
        return [*outcomes, *(Outcome(box) for box in unseen)]

    def _families(self, table: Table, everything: Box) -> tuple[list[Box], list[Box]]:
        """Give the packets that a table sees, and those of the other IP version, which pass it by."""
        if table.packets == ALL:
            return [everything], []
        space = self.topology.space
        mask = space.address_mask(table.packets)
        other = full(space.addresses) & ~mask
        return [(mask, mask, *everything[2:])], [(other, other, *everything[2:])]

    def _boxes(self, rule: Rule) -> tuple[Box, ...]:
        found = []
        for match in rule.matches:
            source, to, services, ports = self.topology.space.packets_of(match)
            box = (
                source,
                to & self.topology.destinations(match.kinds, self.own, self._zones()),
                services,
                ports,
                self._bits(match.inward),
                self._bits(match.outward),
            )
            if all(box):
                found.append(box)
        return tuple(found)

    def _zones(self) -> tuple[ZoneName, ...]:
        return tuple(dict.fromkeys(zone for one in self.interfaces for zone in one.zones))

    def _bits(self, conditions: Iterable[Names]) -> int:
        mask = self._all_outward()
        for names in conditions:
            held = sum(one.bit for one in self.interfaces if names.holds(one.name))
            mask &= held | (1 << len(self.interfaces) if names.is_negated else 0)
        return mask

    def _check_addresses(self) -> None:
        site = self.topology.site
        for address in self.asset.addresses:
            if not any(zone.holds(address) for zone in site.zones.values()):
                what = f"{address} of the router {self.asset.name!r} is in no network of any zone"
                hint = "add its network to the zone that it leads to: what lies behind it is not known"
                raise RulesetError(self.asset.origin, what, hint)

    def _check_names(self) -> None:
        known = {interface.name for interface in self.interfaces} | {"lo"}
        for rule, names in names_used(self.rulesets):
            for pattern in names.patterns:
                if not any(Names((pattern,)).holds(name) for name in known):
                    what = f"a rule names the interface {pattern!r}, which {self.asset.name!r} does not have"
                    hint = f"add it under `interfaces:` of the asset at {self.asset.origin}; [] if bare"
                    raise RulesetError(rule.origin, what, hint)

    def _ways(self) -> Iterator[Way]:
        space = self.topology.space
        attached = 0
        for zone in dict.fromkeys(zone for one in self.interfaces for zone in one.zones):
            mask = self.topology.owned[zone] & ~self.own
            bits = sum(one.bit for one in self.interfaces if zone in one.zones)
            attached |= mask
            yield Way(mask, bits)
        yield from self._into_tunnels()
        rest = full(space.addresses) & ~attached & ~self.own
        routes = self.asset.connections.routes
        if routes is None:
            onward = sum(
                one.bit for one in self.interfaces if any(zone in self.crowded for zone in one.zones)
            )
            if rest and onward:
                yield Way(rest, onward)
            return
        for to, route in sorted(self._routes(routes), key=lambda pair: -pair[0].prefixlen):
            mask = space.addresses.mask([network_interval(to)]) & rest
            rest &= ~mask
            if route is None:
                continue
            hop = space.addresses.mask([_single(address_number(route.via))])
            bits = sum(
                one.bit for one in self.interfaces if any(self.topology.owned[z] & hop for z in one.zones)
            )
            if mask and bits:
                yield Way(mask, bits, hop)

    def _routes(self, routes: Sequence[Route]) -> Iterator[tuple[Network, Route | None]]:
        """Give its routes, and those into WireGuard tunnels, behind others that are as narrow."""
        yield from ((route.to, route) for route in routes)
        for entrance in self.topology.entrances.get(self.asset.name, ()):
            # What IPsec's selectors do not name goes the other way, unencrypted.
            if entrance.tunnel.kind is TunnelKind.WIREGUARD:
                yield from ((network, None) for network in entrance.exit.allowed_ips)

    def _into_tunnels(self) -> Iterator[Way]:
        """Give the ways into tunnels, beside whatever else leads to the same addresses."""
        space = self.topology.space
        for entrance in self.topology.entrances.get(self.asset.name, ()):
            to = space.addresses.mask([network_interval(network) for network in entrance.exit.allowed_ips])
            if entrance.end.interface is not None:
                yield Way(to & ~self.own, self.interface(entrance.end.interface).bit, None, entrance)
            else:
                # The selectors decide, whichever interface its routes name.
                yield Way(to & ~self.own, self._apart_from_tunnels(), None, entrance)

    def _apart_from_tunnels(self) -> int:
        return sum(one.bit for one in self.interfaces if not one.is_tunnel)

    def arrival(self, end: TunnelEnd) -> int:
        """Give where packets out of a tunnel appear: its own interface, or that of the outer address."""
        if end.interface is not None:
            return self.interface(end.interface).bit
        if end.address is None:
            return self._apart_from_tunnels()
        number = address_number(end.address)
        outer = self.topology.space.addresses.mask([_single(number)])
        return sum(one.bit for one in self.interfaces if one.addresses & outer)


def _with_outcomes(way: Way, outcomes: Sequence[Outcome]) -> Way:
    destinations, outward = way.destinations, way.outward
    held = []
    for outcome in outcomes:
        box = outcome.box
        to, out = box[1] & destinations, box[5] & outward
        if to and out:
            held.append(Outcome((box[0], to, box[2], box[3], box[4], out), outcome.rule))
    return replace(way, outcomes=tuple(held))


def _through(box: Box, rules: Rules, stages: Iterable[Sequence[Outcome]]) -> list[tuple[Box, Rules]]:
    states = [(box, rules)]
    for stage in stages:
        states = [
            (both, _and(held, outcome.rule))
            for one, held in states
            for outcome in stage
            if (both := meet(one, outcome.box)) is not None
        ]
    return states


def _and(rules: Rules, rule: Rule | None) -> Rules:
    return rules if rule is None else (*rules, rule)


def _narrowed(box: Box, index: int, mask: int) -> Box | None:
    found = box[index] & mask
    if not found:
        return None
    parts = list(box)
    parts[index] = found
    return parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]


def names_used(rulesets: Iterable[Ruleset]) -> Iterator[tuple[Rule, Names]]:
    """Give every rule that names interfaces, with the names."""
    for ruleset in rulesets:
        for table in ruleset.tables:
            for chain in table.chains.values():
                for rule in chain.rules:
                    for match in rule.matches:
                        yield from ((rule, names) for names in (*match.inward, *match.outward))


def nat_bounds(rulesets: Iterable[Ruleset]) -> Iterator[Translation]:
    """Give everything that NAT rules write, for the axes to be cut by."""
    for ruleset in rulesets:
        for table in ruleset.tables:
            for chain in table.chains.values():
                yield from (rule.translation for rule in chain.rules if rule.translation is not None)


def _single(number: int) -> tuple[int, int]:
    return number, number + 1
