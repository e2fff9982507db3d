"""
Addresses, routes and policy routing of a host against its `interfaces:` and `routes:`.

Kept true here: a leg or a way into a zone that the site file does not give the host is a finding; where the
site file says nothing of routes, none is wrong.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from modwarden.drift.loaded import Loaded, LoadedRoute, PolicyRule
from modwarden.model import (
    MARK,
    ROUTE_TABLE,
    Address,
    Asset,
    Finding,
    Network,
    Origin,
    Route,
    Severity,
    Site,
    contains,
)

_DEFAULT_RULES = {(0, "local"), (32766, "main"), (32767, "default")}
_MAIN = "main"
# The kernel asks all three, `local` before all others.
_ALWAYS_ASKED = frozenset({"local", _MAIN, "default"})


def check_addresses(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Hold a host's addresses against those that the site file gives it."""
    if loaded.links is None or not asset.addresses:
        return
    has = {address: link for link, own in loaded.links.items() for address in own if _is_seen(address)}
    ends = (tunnel.end_of(asset.name) for tunnel in site.tunnels.values())
    inside = [end.inside for end in ends if end is not None]
    where = asset.origin.at("interfaces") if asset.connections.interfaces else asset.origin.at("addresses")
    for address, link in sorted(has.items(), key=lambda pair: (pair[0].version, int(pair[0]))):
        if address not in (*asset.addresses, *inside):
            message = f"{asset.name}: opens a leg into {_zone(site, address)}: {address} on {link}"
            hint = "take the address away, or declare it: the zone proof does not know this leg"
            yield Finding("drift-address", Severity.ERROR, f"{message}, not in the site file", hint, where)
    for address in asset.addresses:
        if address not in has:
            message = f"{asset.name}: {address} is on none of its interfaces"
            yield Finding("drift-address", Severity.WARNING, message, "set it again, or take it out", where)
    for interface in asset.connections.interfaces:
        for address in interface.addresses:
            if address in has and has[address] != interface.name:
                message = (
                    f"{asset.name}: {address} is on {has[address]}, and {interface.name} in the site file"
                )
                hint = "rules by interface meet other packets than the zone proof takes them to"
                yield Finding("drift-address", Severity.ERROR, message, hint, where)


def check_routes(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Hold a host's routes against its declared ones."""
    if loaded.routes is None:
        return
    where = asset.origin.at("routes")
    known = asset.connections.routes or ()
    tunnelled = list(_through_tunnels(site, asset))
    main = [route for route in loaded.routes if route.table in _ALWAYS_ASKED]
    yield from _too_wide(site, asset, loaded, where)
    if asset.connections.routes is not None:
        for route in main:
            is_tunnelled = any(
                route.link == link and contains(network, route.to) for link, network in tunnelled
            )
            if not is_tunnelled and not _is_known(route, known, loaded):
                yield _unknown(site, asset, route, where)
        for declared in asset.connections.routes:
            if not any((route.to, route.via) == (declared.to, declared.via) for route in main):
                way = f"{declared.to} by {declared.via}"
                message = f"{asset.name}: closes the way to {way}: the route is not loaded"
                yield Finding("drift-route", Severity.WARNING, message, "add it again, or take it out", where)


def check_policies(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Name rules that lead packets to other routing tables than the site file knows of."""
    is_diverting = bool(site.diversions(asset.name))
    for rule in loaded.policies or ():
        is_ours = is_diverting and (rule.mark, rule.table) == (MARK, str(ROUTE_TABLE))
        if (rule.priority, rule.table) not in _DEFAULT_RULES and not is_ours:
            ways = _ways(rule, loaded)
            message = f"{asset.name}: opens other ways by policy routing: {rule.text}{ways}"
            hint = "take it out: the zone proof knows one routing table only"
            yield Finding("drift-route", Severity.ERROR, message, hint, asset.origin.at("routes"))


def _ways(rule: PolicyRule, loaded: Loaded) -> str:
    held = [_route_words(route) for route in loaded.routes or () if route.table == rule.table]
    return f" ({'; '.join(held[:4])})" if held else ""


def _is_known(route: LoadedRoute, known: Iterable[Route], loaded: Loaded) -> bool:
    if any((route.to, route.via) == (one.to, one.via) for one in known):
        return True
    if route.via is not None:
        return False
    # What the kernel made of an address, or what lies within it.
    own = loaded.networks.get(route.link, ())
    return route.is_of_kernel or any(contains(network, route.to) for network in own)


def _through_tunnels(site: Site, asset: Asset) -> Iterator[tuple[str, Network]]:
    """Give what lies behind each tunnel of a host, by the tunnel's interface."""
    for tunnel in site.tunnels.values():
        end = tunnel.end_of(asset.name)
        if end is not None and end.interface is not None:
            yield from ((end.interface, network) for network in tunnel.peer_of(end).allowed_ips)


def _unknown(site: Site, asset: Asset, route: LoadedRoute, where: Origin) -> Finding:
    zones = [
        zone for zone in site.zones.values() if any(_overlap(route.to, network) for network in zone.networks)
    ]
    names = ", ".join(str(zone.name) for zone in zones) or "no declared zone"
    message = (
        f"{asset.name}: opens a way to {route.to} ({names}): {_route_words(route)}, not in the site file"
    )
    hint = "take it out, or declare it under `routes:` and prove the site with it"
    return Finding("drift-route", Severity.ERROR, message, hint, where)


def _too_wide(site: Site, asset: Asset, loaded: Loaded, where: Origin) -> Iterator[Finding]:
    """Name prefixes so short that a host takes other zones' addresses for its neighbours."""
    for link, networks in loaded.networks.items():
        held = [site.zone_at(address) for address in (loaded.links or {}).get(link, ())]
        own = {zone.name for zone in held if zone is not None}
        for network, zone in product(dict.fromkeys(networks), site.zones.values()):
            inside = [other for other in zone.networks if contains(network, other) and other != network]
            if inside and own and zone.name not in own:
                message = f"{asset.name}: takes {inside[0]} of {zone.name} for on link at {link} ({network})"
                hint = "set the prefix of its network: what is on link passes no router"
                yield Finding("drift-route", Severity.WARNING, message, hint, where)


def _route_words(route: LoadedRoute) -> str:
    via = f" via {route.via}" if route.via is not None else ""
    return f"route {route.to}{via} dev {route.link}"


def _overlap(one: Network, other: Network) -> bool:
    return contains(one, other) or contains(other, one)


def _is_seen(address: Address) -> bool:
    return not (address.is_loopback or address.is_link_local)


def _zone(site: Site, address: Address) -> str:
    zone = site.zone_at(address)
    return str(zone.name) if zone is not None else "no declared zone"
