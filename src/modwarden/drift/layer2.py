"""
Ways that neither addresses nor routes show: interfaces of no zone, bridges, and policies of IPsec.

Kept true here: what passes a bridge or IPsec asks no route; an interface without an address still takes
packets.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from modwarden.drift.loaded import IpsecPolicy, Loaded
from modwarden.model import Asset, Finding, Network, Severity, Site, TunnelEnd, contains

_LOOPBACK = "lo"


def check_interfaces(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Name interfaces that the site file does not give a host, and what is bridged."""
    if loaded.links is None:
        return
    where = asset.origin.at("interfaces") if asset.connections.interfaces else asset.origin
    known = set(_known(site, asset))
    for name, master in sorted(loaded.masters.items()):
        severity = Severity.NOTE if master in known and name not in known else Severity.ERROR
        verb = "opens ways below its rules" if severity is Severity.ERROR else "has more below its rules"
        message = f"{asset.name}: {verb}: {name} is a port of {master}"
        hint = "take it out of there: what a bridge passes on asks no rule and no route"
        yield Finding("drift-interface", severity, message, hint, where)
    if not asset.connections.interfaces:
        return
    for name in sorted(loaded.up - known - {_LOOPBACK} - set(loaded.masters)):
        if not any(not address.is_link_local for address in loaded.links.get(name, ())):
            message = f"{asset.name}: opens a leg into nobody knows where: {name} is up, not in the site file"
            hint = "set it down, or declare it: it takes packets also without an address"
            yield Finding("drift-interface", Severity.WARNING, message, hint, where)


def check_ipsec(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Name what IPsec leads elsewhere, and no tunnel of the site file does."""
    declared = list(_tunnelled(site, asset))
    for policy in loaded.ipsec or ():
        if not any(_is_within(policy, one, other) for one, other in declared):
            message = f"{asset.name}: opens a way by IPsec: {policy}, not in the site file"
            hint = "take it out, or declare it under `tunnels:` and prove the site with it"
            yield Finding("drift-tunnel", Severity.ERROR, message, hint, asset.origin)


def _known(site: Site, asset: Asset) -> Iterator[str]:
    yield from (one.name for one in asset.connections.interfaces)
    for tunnel in site.tunnels.values():
        end = tunnel.end_of(asset.name)
        if end is not None and end.interface is not None:
            yield end.interface
    yield from (one.interface for one in asset.connections.remote_access if one.interface is not None)
    for diversion in site.diversions(asset.name):
        yield from (*diversion.clients_on, diversion.servers_on)


def _tunnelled(site: Site, asset: Asset) -> Iterator[tuple[tuple[Network, ...], tuple[Network, ...]]]:
    for tunnel in site.tunnels.values():
        end = tunnel.end_of(asset.name)
        if end is not None:
            yield _selectors(end), _selectors(tunnel.peer_of(end))


def _selectors(end: TunnelEnd) -> tuple[Network, ...]:
    outer = () if end.address is None else (ip_network(str(end.address)),)
    return (*end.allowed_ips, *outer)


def _is_within(policy: IpsecPolicy, own: tuple[Network, ...], peers: tuple[Network, ...]) -> bool:
    pairs = ((policy.source, policy.destination), (policy.destination, policy.source))
    return any(_holds(own, one) and _holds(peers, other) for one, other in pairs)


def _holds(networks: tuple[Network, ...], inner: Network) -> bool:
    return any(contains(network, inner) for network in networks)
