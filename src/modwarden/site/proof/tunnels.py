"""
Tunnels as edges: what is sent into one end comes out at the other, as far as its selectors name it.

Kept true here:
* a tunnel is taken to be up, whatever lies between its ends;
* of the two addresses of a packet one lies behind each end; where services are named, one of its ports is
  among those of its own side. The other end takes nothing else, whoever sent it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modwarden.model import Asset, Network, Site, Tunnel, TunnelEnd
from modwarden.site.proof.space import Packets, Space
from modwarden.site.rulesets._names import PROTOCOLS
from modwarden.site.rulesets.ir import Match
from modwarden.site.rulesets.sets import IntervalSet, network_interval, service


@dataclass(frozen=True, slots=True)
class Entrance:
    """The way into a tunnel at one end: what is admitted there comes out at the `exit`."""

    tunnel: Tunnel
    end: TunnelEnd
    exit: TunnelEnd
    admitted: tuple[Packets, ...]


def entrances(site: Site, asset: Asset, space: Space) -> Iterator[Entrance]:
    """Give the tunnels that start at an asset."""
    for tunnel, end in site.tunnel_ends(asset.name):
        admitted = tuple(space.packets_of(match) for match in selectors(tunnel, end))
        yield Entrance(tunnel, end, tunnel.peer_of(end), admitted)


def all_selectors(site: Site) -> Iterator[Match]:
    """Give what every tunnel admits, for the axes to be cut by."""
    for tunnel in site.tunnels.values():
        for end in tunnel.ends:
            yield from selectors(tunnel, end)


def selectors(tunnel: Tunnel, end: TunnelEnd) -> Iterator[Match]:
    """Give what is admitted from one end to the other, as matches of first packets and of any others."""
    peer = tunnel.peer_of(end)
    between = Match(source=_addresses(end.allowed_ips), destination=_addresses(peer.allowed_ips))
    if not end.ports and not peer.ports:
        yield between
    for port in peer.ports:
        span = IntervalSet(((port.first, port.last + 1),))
        yield between.and_also(Match(service=service(PROTOCOLS[port.protocol], span)))
    for port in end.ports:
        # Replies, and whatever else is sent from such a port.
        span = IntervalSet(((port.first, port.last + 1),))
        yield between.and_also(Match(service=service(PROTOCOLS[port.protocol]), source_port=span))


def _addresses(networks: tuple[Network, ...]) -> IntervalSet:
    return IntervalSet.of(network_interval(network) for network in networks)
