"""
A packet's walk through routers, one packet at a time: the plain way to what the proof computes with sets.

It shares no code with the proof but the parsed rule sets, so that the two share no bug of sets or boxes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    name: str = ""
    tunnel_interfaces: dict[str, int | None] = field(default_factory=dict)
    """With the address inside, where there is one."""
    source_ports: tuple[int, ...] = (40_000,)
    """What the source port may be once the source was written."""

    @property
    def own(self) -> set[int]:
        inside = {address for address in self.tunnel_interfaces.values() if address is not None}
        return {address for _, address in self.interfaces.values()} | inside

    def address_on(self, interface: str) -> set[int]:
        """Give what masquerading writes there; any of its own, where the interface has none."""
        if interface in self.interfaces:
            return {self.interfaces[interface][1]}
        inside = self.tunnel_interfaces[interface]
        return self.own if inside is None else {inside}


@dataclass(frozen=True)
class PlainHost:
    """A host with an address on each of its segments; on several, it is gone through."""

    name: str
    legs: dict[str, int]
    inside: tuple[int, ...] = ()
    """Its addresses inside tunnels."""

    @property
    def own(self) -> set[int]:
        return {*self.legs.values(), *self.inside}


@dataclass(frozen=True)
class PlainEnd:
    """An end of a tunnel: a router's name or a host's; without an interface it is policy-based."""

    at: str
    behind: tuple[tuple[int, int], ...]
    interface: str | None = None
    inside: int | None = None
    ports: tuple[tuple[int, int], ...] = ()
    """Protocol and port."""
    outer: tuple[str, ...] = ()
    """Without an interface: those at which its packets may appear."""
    address: int | None = None

    def holds(self, address: int) -> bool:
        return address == self.inside or any(low <= address <= high for low, high in self.behind)


@dataclass(frozen=True)
class PlainTunnel:
    """Two ends."""

    ends: tuple[PlainEnd, PlainEnd]

    def carries(self, packet: Flying, sender: PlainEnd, receiver: PlainEnd) -> bool:
        if not (sender.holds(packet.source) and receiver.holds(packet.destination)):
            return False
        towards = (packet.protocol, packet.port) in receiver.ports
        back = (packet.protocol, packet.source_port) in sender.ports
        return towards or back or not (sender.ports or receiver.ports)


@dataclass(frozen=True)
class PlainWorld:
    """Segments with the addresses on them, routers, hosts and tunnels."""

    segments: dict[str, tuple[int, ...]]
    routers: tuple[PlainRouter, ...]
    hosts: tuple[PlainHost, ...]
    tunnels: tuple[PlainTunnel, ...] = ()

    def reached(self, start: str, services: tuple[tuple[int, int], ...]) -> set[tuple[str, int, int, int]]:
        """Give each segment, address, protocol and port that something sent from a segment arrives at."""
        found: set[tuple[str, int, int, int]] = set()
        entered: set[str] = set()
        origins = [(start, source) for source in self.segments[start]]
        # Anybody in the zone may be one of its hosts, and use the tunnels that end there.
        senders = [host for host in self.hosts if start in host.legs]
        is_first = True
        while origins or senders:
            wanted = [
                (destination, protocol, port, source_port)
                for destination in self._all_addresses()
                for protocol, port in services
                for source_port in source_ports(self.tunnels, protocol)
            ]
            arrivals = {
                arrival
                for segment, source in origins
                for to, protocol, port, source_port in wanted
                for arrival in self._fly(segment, Flying(source, to, protocol, port, source_port), set())
            }
            for host in senders:
                for source in host.own:
                    for to, protocol, port, source_port in wanted:
                        packet = Flying(source, to, protocol, port, source_port)
                        arrivals |= set(self._into_tunnels(host.name, packet))
            origins, senders = [], []
            for segment, packet, hops in arrivals:
                if hops or not is_first:
                    found.add((segment, packet.destination, packet.protocol, packet.port))
                for host in self.hosts:
                    is_met = packet.destination in host.own and segment in (*host.legs, host.name)
                    if is_met and len(host.legs) > 1 and host.name not in entered:
                        entered.add(host.name)
                        origins += list(host.legs.items())
                        senders.append(host)
            is_first = False
        return found

    def _into_tunnels(
        self, at: str, packet: Flying, seen: set[tuple[str, Flying, int | None]] | None = None, hops: int = 0
    ) -> Iterator[tuple[str, Flying, int]]:
        """Send from an end; a router's filters have let it pass."""
        for tunnel in self.tunnels:
            for sender, receiver in (tunnel.ends, tunnel.ends[::-1]):
                if sender.at == at and tunnel.carries(packet, sender, receiver):
                    yield from self._come_out(receiver, packet, set() if seen is None else seen, hops + 1)

    def _come_out(
        self, end: PlainEnd, packet: Flying, seen: set[tuple[str, Flying, int | None]], hops: int
    ) -> Iterator[tuple[str, Flying, int]]:
        for host in self.hosts:
            if host.name == end.at and packet.destination in host.own:
                # Arrived at the host itself, whichever of its addresses it is for.
                yield host.name, packet, hops
        for number, router in enumerate(self.routers):
            key = (f"{router.name} {end}", packet, None)
            if router.name == end.at and key not in seen:
                seen.add(key)
                for inward in (end.interface,) if end.interface is not None else end.outer:
                    yield from self._through(number, inward, packet, seen, hops, is_decrypted=True)

    def _all_addresses(self) -> list[int]:
        listed = {address for addresses in self.segments.values() for address in addresses}
        listed |= {address for host in self.hosts for address in host.own}
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
                yield from self._through(number, name, packet, seen, hops)

    def _through(
        self,
        number: int,
        inward: str,
        packet: Flying,
        seen: set[tuple[str, Flying, int | None]],
        hops: int,
        *,
        is_decrypted: bool = False,
    ) -> Iterator[tuple[str, Flying, int]]:
        router = self.routers[number]
        for onward, changed in self._route(router, inward, packet, is_decrypted=is_decrypted):
            if isinstance(onward, PlainEnd):
                yield from self._come_out(onward, changed, seen, hops + 1)
            else:
                yield from self._fly(onward, changed, seen, hops + 1, number)

    def _route(
        self, router: PlainRouter, inward: str, packet: Flying, *, is_decrypted: bool
    ) -> Iterator[tuple[str | PlainEnd, Flying]]:
        for arrived in _hook(router, Hook.PREROUTING, packet, inward, ""):
            if arrived.destination in router.own:
                continue
            is_written = (arrived.destination, arrived.port) != (packet.destination, packet.port)
            # What comes out of a tunnel came from no segment.
            segment = router.interfaces[inward][0] if not is_decrypted else None
            if segment is not None and arrived.destination in self.segments[segment] and not is_written:
                continue
            yield from self._route_into_tunnels(router, inward, arrived)
            for outward in self._ways(router, arrived.destination):
                for forwarded in _hook(router, Hook.FORWARD, arrived, inward, outward):
                    for sent in _hook(router, Hook.POSTROUTING, forwarded, inward, outward):
                        yield router.interfaces[outward][0], sent

    def _route_into_tunnels(
        self, router: PlainRouter, inward: str, packet: Flying
    ) -> Iterator[tuple[PlainEnd, Flying]]:
        for tunnel in self.tunnels:
            for sender, receiver in (tunnel.ends, tunnel.ends[::-1]):
                if sender.at != router.name or not receiver.holds(packet.destination):
                    continue
                # Where selectors decide, the route may name any interface.
                for outward in [sender.interface] if sender.interface else list(router.interfaces):
                    for forwarded in _hook(router, Hook.FORWARD, packet, inward, outward):
                        for sent in _hook(router, Hook.POSTROUTING, forwarded, inward, outward):
                            if tunnel.carries(sent, sender, receiver):
                                yield receiver, sent

    def _ways(self, router: PlainRouter, destination: int) -> list[str]:
        attached = [
            name for name, (segment, _) in router.interfaces.items() if destination in self.segments[segment]
        ]
        return attached or list(router.interfaces)


def source_ports(tunnels: tuple[PlainTunnel, ...], protocol: int | None = None) -> tuple[int, ...]:
    """Give one of each class: any, and those that tunnels name, of one protocol or of all."""
    held = (pair for tunnel in tunnels for end in tunnel.ends for pair in end.ports)
    named = {port for number, port in held if protocol in (None, number)}
    return (40_000, *sorted(named))


def _hook(router: PlainRouter, hook: Hook, packet: Flying, inward: str, outward: str) -> Iterator[Flying]:
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
        return _with_source(ground, packet, sorted(ground.router.address_on(ground.outward)))
    if rule.action is Action.REDIRECT:
        own = sorted(ground.router.own)
        return [
            replace(packet, destination=address, port=port)
            for address in own
            for port in _ports(rule, packet)
        ]
    addresses = _members(rule)
    if rule.action is Action.SNAT:
        return _with_source(ground, packet, addresses or [packet.source])
    return [
        replace(packet, destination=address, port=port)
        for address in addresses or [packet.destination]
        for port in _ports(rule, packet)
    ]


def _with_source(ground: _Ground, packet: Flying, addresses: list[int]) -> list[Flying]:
    return [
        replace(packet, source=address, source_port=port)
        for address in addresses
        for port in ground.router.source_ports
    ]


def _members(rule: Rule) -> list[int]:
    held = rule.translation.addresses if rule.translation is not None else None
    return [] if held is None else [n for low, high in held.intervals or () for n in range(low, high)]


def _ports(rule: Rule, packet: Flying) -> list[int]:
    held = rule.translation.ports if rule.translation is not None else None
    return (
        [packet.port] if held is None else [n for low, high in held.intervals or () for n in range(low, high)]
    )
