"""The interfaces of a router: what stands behind each of them, its tunnels' among them."""

from collections.abc import Iterator
from dataclasses import dataclass

from modwarden.model import Asset, ZoneName
from modwarden.site.proof.topology import Topology
from modwarden.site.rulesets.sets import IntervalSet, address_number


@dataclass(frozen=True, slots=True)
class Attached:
    """An interface, its bit, and the segments behind it; behind a tunnel's there is none."""

    name: str
    bit: int
    zones: tuple[ZoneName, ...]
    addresses: int
    is_tunnel: bool = False


def attached_to(asset: Asset, topology: Topology) -> Iterator[Attached]:
    """List the interfaces of a router, those of its tunnels last."""
    connections = asset.connections
    named = [(one.name, one.addresses) for one in connections.interfaces]
    held = {address for _, addresses in named for address in addresses}
    named += [(str(address), (address,)) for address in asset.addresses if address not in held]
    for number, (name, addresses) in enumerate(named):
        zones = dict.fromkeys(zone for address in addresses for zone in topology.zones_at(address))
        for access in connections.remote_access:
            if access.interface == name:
                zones[access.from_zone] = None
        # Within one subnet the guard's host needs no address towards its servers.
        zones = zones or dict.fromkeys(_on_wire(asset, name, topology))
        numbers = IntervalSet.of(_single(address_number(address)) for address in addresses)
        yield Attached(name, 1 << number, tuple(zones), topology.space.address_mask(numbers))
    ends = (end for _, end in topology.site.tunnel_ends(asset.name))
    tunnels = [(end.interface, end.inside) for end in ends if end.interface is not None]
    for number, (name, inside) in enumerate(tunnels, start=len(named)):
        own = () if inside is None else (_single(address_number(inside)),)
        yield Attached(name, 1 << number, (), topology.space.addresses.mask(own), is_tunnel=True)


def _on_wire(asset: Asset, name: str, topology: Topology) -> Iterator[ZoneName]:
    """Give the zones at an interface of a guard's host, where it stands in the wire."""
    for conduit in topology.site.conduits.values():
        if conduit.guard == asset.name and conduit.transparent is not None:
            if name in conduit.transparent.clients_on:
                yield from conduit.from_zones
            if name == conduit.transparent.servers_on:
                yield conduit.to_zone


def _single(number: int) -> tuple[int, int]:
    return number, number + 1
