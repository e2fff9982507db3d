"""
Where addresses are, as a router sees it: its interfaces, and what lies behind each.

Kept true here: nothing of the proof is used, so that the proof of what is written here is a second opinion.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modwarden.model import Address, Asset, Interface, Network, Site, ZoneName
from modwarden.site.rulesets.sets import (
    ADDRESSES,
    NONE,
    IntervalSet,
    address_number,
    network_interval,
)

EVERYWHERE = IntervalSet((ADDRESSES,))


@dataclass(frozen=True, slots=True)
class Leg:
    """An interface: the zones on its segment, and all that may lie behind it."""

    name: str
    zones: tuple[ZoneName, ...]
    behind: IntervalSet


@dataclass(frozen=True, slots=True)
class Places:
    """Which zone owns which addresses; of two networks that hold an address, the narrower one."""

    site: Site
    owned: dict[ZoneName, IntervalSet]

    @classmethod
    def of(cls, site: Site) -> "Places":
        """Place every address of a site."""
        return cls(site, _owned(site))

    def zones_at(self, address: Address) -> tuple[ZoneName, ...]:
        """List the zones that own an address: more than one where their networks contradict each other."""
        one = single(address)
        return tuple(zone for zone, own in self.owned.items() if not (own & one).is_empty)

    @property
    def inside(self) -> IntervalSet:
        """Give the addresses of OT: field and control."""
        return union(own for zone, own in self.owned.items() if self.site.zones[zone].is_ot)

    def legs(self, router: Asset) -> tuple[Leg, ...]:
        """List the interfaces of a router by name, with what lies behind them."""
        carried = self._carried(router)
        own = {one.name: one for one in router.connections.interfaces}
        interfaces = [own.get(name, Interface(name)) for name in sorted({*own, *carried})]
        zones = {one.name: self._zones_on(one) for one in interfaces}
        attached = {name: union(self.owned[zone] for zone in held) for name, held in zones.items()}
        pools = {one.name: self._pool(router, one.name) | carried.get(one.name, NONE) for one in interfaces}
        onward = dict(self._onward(router, zones, union(attached.values())))
        legs = []
        for name, held in zones.items():
            # Whoever was given an address at one interface does not come by another.
            others = union(pool for other, pool in pools.items() if other != name and pool != EVERYWHERE)
            behind = minus(attached[name] | onward.get(name, NONE), others) | pools[name]
            legs.append(Leg(name, held, behind))
        return tuple(legs)

    def _zones_on(self, interface: Interface) -> tuple[ZoneName, ...]:
        return tuple(sorted({zone for address in interface.addresses for zone in self.zones_at(address)}))

    def _onward(
        self, router: Asset, zones: dict[str, tuple[ZoneName, ...]], attached: IntervalSet
    ) -> Iterator[tuple[str, IntervalSet]]:
        """Give what the router is not attached to, by the interface that its routes lead through."""
        rest = minus(EVERYWHERE, attached)
        routes = router.connections.routes
        if routes is None:
            # Nothing says where it is: behind any segment on which another router stands.
            crowded = self._crowded(router)
            yield from ((name, rest) for name, held in zones.items() if crowded & set(held))
            return
        found = dict.fromkeys(zones, NONE)
        for route in sorted(routes, key=lambda route: -route.to.prefixlen):
            taken = IntervalSet.of([network_interval(route.to)]) & rest
            rest = minus(rest, taken)
            hop = set(self.zones_at(route.via))
            for name in (name for name, held in zones.items() if hop & set(held)):
                found[name] |= taken
        yield from found.items()

    def _crowded(self, router: Asset) -> set[ZoneName]:
        others = [
            one for one in self.site.assets.values() if one.connections.forwards and one.name != router.name
        ]
        return {zone for one in others for address in one.addresses for zone in self.zones_at(address)}

    def _carried(self, router: Asset) -> dict[str, IntervalSet]:
        """Give what tunnels bring, by interface: IPsec to that of the outer address."""
        carried: dict[str, IntervalSet] = {}
        for tunnel, end in self.site.tunnel_ends(router.name):
            outer = [
                one.name
                for one in router.connections.interfaces
                if end.address is None or end.address in one.addresses
            ]
            for name in outer if end.interface is None else [end.interface]:
                carried[name] = carried.get(name, NONE) | networks_of(tunnel.peer_of(end).allowed_ips)
        return carried

    def _pool(self, router: Asset, name: str) -> IntervalSet:
        """Give the addresses of those who come in at an interface; any, where the site file does not say."""
        held = [one for one in router.connections.remote_access if one.interface == name]
        if any(not one.addresses for one in held):
            return EVERYWHERE
        return networks_of(network for one in held for network in one.addresses)


def single(address: Address) -> IntervalSet:
    """Give one address as a set."""
    number = address_number(address)
    return IntervalSet(((number, number + 1),))


def addresses_of(addresses: Iterable[Address]) -> IntervalSet:
    """Give some addresses as a set."""
    return union(single(address) for address in addresses)


def networks_of(networks: Iterable[Network]) -> IntervalSet:
    """Give the addresses of networks."""
    return IntervalSet.of(network_interval(network) for network in networks)


def union(sets: Iterable[IntervalSet]) -> IntervalSet:
    """Join sets."""
    return IntervalSet.of(pair for held in sets for pair in held.intervals or ())


def minus(held: IntervalSet, gone: IntervalSet) -> IntervalSet:
    """Take one set out of another."""
    return held & gone.without(ADDRESSES)


def _owned(site: Site) -> dict[ZoneName, IntervalSet]:
    networks = [(zone.name, network) for zone in site.zones.values() for network in zone.networks]
    owned = dict.fromkeys(site.zones, NONE)
    for zone, network in networks:
        narrower = networks_of(
            other
            for _, other in networks
            if other.prefixlen > network.prefixlen and other.version == network.version
        )
        owned[zone] |= minus(networks_of((network,)), narrower)
    everywhere = networks_of(network for _, network in networks)
    for asset in site.assets.values():
        owned[asset.zone] |= minus(addresses_of(asset.addresses), everywhere)
    return owned
