"""
The ground on which two rule sets of one host are compared: common axes, its interfaces, what is its own.

Kept true here: every bound that either rule set, the site file or the host names cuts the axes, so that no
difference ends within a piece.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from modwarden.model import Address, Asset, Site
from modwarden.site.proof.prove import on_every_protocol
from modwarden.site.proof.router import names_used, nat_bounds
from modwarden.site.proof.space import Box, Space
from modwarden.site.proof.topology import Topology, bounds, kind_bounds, service_bounds
from modwarden.site.rulesets import Match, Names, Rule, Ruleset
from modwarden.site.rulesets.sets import SOURCE_PORTS, Interval, address_number, network_interval

# What a host takes for itself, beside its addresses: loopback, broadcast, multicast, link-local IPv6.
_SPECIAL = tuple(
    network_interval(ip_network(text))
    for text in ("127.0.0.0/8", "255.255.255.255/32", "224.0.0.0/4", "::1/128", "ff00::/8", "fe80::/10")
)


@dataclass(slots=True)
class Ground:
    """Axes, interfaces by bit, and addresses of one host."""

    site: Site
    asset: Asset
    links: Mapping[str, tuple[Address, ...]]
    """Interfaces as the host has them, with their addresses; empty where nobody looked."""
    rulesets: Sequence[Sequence[Ruleset]]
    topology: Topology = field(init=False)
    interfaces: tuple[str, ...] = field(init=False)
    behind: dict[str, int] = field(init=False)
    """The addresses of each interface, as a mask."""
    own: int = field(init=False)
    local: int = field(init=False)

    def __post_init__(self) -> None:
        flat = [ruleset for held in self.rulesets for ruleset in held]
        self.topology = Topology(self.site, self._space(flat))
        held = dict(self._addresses())
        self.interfaces = tuple(dict.fromkeys([*held, *self.links, *_named(flat, {*held, *self.links})]))
        self.behind = {
            name: self._mask((*held.get(name, ()), *self.links.get(name, ()))) for name in self.interfaces
        }
        self.own = self._mask(self.asset.addresses)
        for mask in self.behind.values():
            self.own |= mask
        self.local = self.own | self.space.addresses.mask(_SPECIAL)

    @property
    def space(self) -> Space:
        """The axes."""
        return self.topology.space

    @property
    def all_interfaces(self) -> int:
        """All interfaces, and one bit for what is none of them."""
        return (1 << (len(self.interfaces) + 1)) - 1

    @property
    def no_interface(self) -> int:
        """The bit of what is no interface that anybody names."""
        return 1 << len(self.interfaces)

    def everything(self) -> list[Box]:
        """Give all packets, each IP version by itself."""
        whole, every = self.space.everything, self.all_interfaces
        return [(family, family, whole[2], whole[3], every, every) for family in self.space.families()]

    def boxes(self, rule: Rule) -> tuple[Box, ...]:
        """Give the packets that a rule may match."""
        found = []
        zones = self.topology.zones_of(self.asset)
        for one in rule.matches:
            source, to, services, ports = self.space.packets_of(one)
            to &= self.topology.destinations(one.kinds, self.own, zones)
            found.append((source, to, services, ports, self._bits(one.inward), self._bits(one.outward)))
        return tuple(box for box in found if all(box))

    def names(self, bits: int) -> list[str]:
        """Name interfaces by their bits."""
        return [name for number, name in enumerate(self.interfaces) if bits >> number & 1]

    def _bits(self, conditions: Iterable[Names]) -> int:
        mask = self.all_interfaces
        for names in conditions:
            held = sum(1 << number for number, name in enumerate(self.interfaces) if names.holds(name))
            mask &= held | (self.no_interface if names.is_negated else 0)
        return mask

    def _addresses(self) -> Iterator[tuple[str, tuple[Address, ...]]]:
        yield from ((one.name, one.addresses) for one in self.asset.connections.interfaces)

    def _mask(self, addresses: Iterable[Address]) -> int:
        return self.space.addresses.mask([_single(address_number(one)) for one in addresses])

    def _space(self, rulesets: Sequence[Ruleset]) -> Space:
        linked = (one for addresses in self.links.values() for one in addresses)
        addresses = [
            *bounds(self.site),
            *kind_bounds(self.site),
            *_SPECIAL,
            *(_single(address_number(one)) for one in linked),
        ]
        services = [*service_bounds(self.site)]
        for translation in nat_bounds(rulesets):
            addresses += translation.addresses.intervals or () if translation.addresses is not None else ()
            services += on_every_protocol(translation.ports.pieces(SOURCE_PORTS)) if translation.ports else ()
        return Space.cut_by(_matches(rulesets), addresses, services)


def _matches(rulesets: Iterable[Ruleset]) -> Iterator[Match]:
    for ruleset in rulesets:
        for table in ruleset.tables:
            for chain in table.chains.values():
                for rule in chain.rules:
                    yield from rule.matches


def _named(rulesets: Iterable[Ruleset], known: set[str]) -> Iterator[str]:
    """Give the interfaces that rules name and nobody else; a wildcard stands for one that it fits."""
    for _, names in names_used(rulesets):
        for pattern in names.patterns:
            if not any(Names((pattern,)).holds(name) for name in known):
                yield pattern


def _single(number: int) -> Interval:
    return number, number + 1
