"""Zones and the assets in them: which address is where."""

from collections.abc import Callable, Iterator
from itertools import combinations

from modwarden.model import Address, Asset, Finding, Site, contains
from modwarden.site.lint._finding import error, warning


def zones_overlap(site: Site) -> Iterator[Finding]:
    """Networks of two zones share addresses."""
    for first, second in combinations(site.zones.values(), 2):
        for one in first.networks:
            for other in second.networks:
                # 0.0.0.0/0 and ::/0 are what is nowhere else.
                is_rest = 0 in (one.prefixlen, other.prefixlen)
                if not is_rest and (contains(one, other) or contains(other, one)):
                    what = f"{other} of zone {second.name!r} overlaps {one} of zone {first.name!r}"
                    hint = "an address belongs to one zone: split the wider network"
                    yield warning("zones-overlap", second.origin.at("networks"), what, hint)


def dual_homed(site: Site) -> Iterator[Finding]:
    """An asset has addresses in two zones, so traffic can pass through it and around the conduit."""
    for asset in site.assets.values():
        zones = sorted({zone.name for address in asset.addresses if (zone := site.zone_at(address))})
        if len(zones) > 1 and not _may_stand_in_two(site, asset):
            what = f"{asset.name!r} has addresses in the zones {' and '.join(zones)}"
            hint = "what passes through it passes no conduit: give it one zone, or put a guard before it"
            yield warning("dual-homed", asset.origin.at("addresses"), what, hint)


def address_outside_zone(site: Site) -> Iterator[Finding]:
    """An address is in no network of its asset's zone; one in another zone as well is `dual-homed`."""
    for asset in site.assets.values():
        zone = site.zones[asset.zone]
        strays = [address for address in asset.addresses if not zone.holds(address)]
        is_router = asset.connections.forwards
        if zone.networks and strays and not is_router and not _is_dual_homed(site, asset):
            what = f"{strays[0]} of {asset.name!r} is in no network of its zone {zone.name!r}"
            hint = "correct the address or the zone, or add the network to the zone"
            yield warning("address-outside-zone", asset.origin.at("addresses"), what, hint)


def address_twice(site: Site) -> Iterator[Finding]:
    """Two assets have one address, so records cannot say which of them it was."""
    owners: dict[Address, Asset] = {}
    for asset in site.assets.values():
        for address in asset.addresses:
            owner = owners.setdefault(address, asset)
            if owner.name == asset.name:
                continue
            what = f"{asset.name!r} and {owner.name!r} both have the address {address}"
            if owner.port == asset.port:
                hint = "records could name either: give each its own address"
                yield warning("address-twice", asset.origin.at("addresses"), what, hint)


def server_outside_zone(site: Site) -> Iterator[Finding]:
    """A server is not in the zone its conduit leads to."""
    for conduit in site.conduits.values():
        for binding in conduit.servers:
            asset = site.assets[binding.asset]
            if asset.zone != conduit.to_zone:
                what = f"{asset.name!r} is in zone {asset.zone!r}, the conduit leads to {conduit.to_zone!r}"
                hint = "move the server to another conduit, or correct its zone"
                yield error("server-outside-zone", binding.origin, what, hint)


def zone_without_level(site: Site) -> Iterator[Finding]:
    """A zone has no level where others have one, so that the proof has to take it for the outside."""
    if all(zone.level is None for zone in site.zones.values()):
        return
    for zone in site.zones.values():
        if zone.level is None:
            what = f"the zone {zone.name!r} has no level, others have one"
            hint = "add `level:`; until then the proof holds it for the outside, and never for the plant"
            yield warning("zone-without-level", zone.origin, what, hint)


def _may_stand_in_two(site: Site, asset: Asset) -> bool:
    """Say whether standing in two zones is what an asset is for: a router, a guard, a relay of the DMZ."""
    is_guard = any(conduit.guard == asset.name for conduit in site.conduits.values())
    ends_in_dmz = asset.connections.relay is not None and site.zones[asset.zone].is_dmz
    return asset.connections.forwards or is_guard or ends_in_dmz


def _is_dual_homed(site: Site, asset: Asset) -> bool:
    return len({zone.name for address in asset.addresses if (zone := site.zone_at(address))}) > 1


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    zones_overlap,
    dual_homed,
    address_outside_zone,
    address_twice,
    server_outside_zone,
    zone_without_level,
)
