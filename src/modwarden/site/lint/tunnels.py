"""Tunnels: conduits that declare one which is not there, and ends that would drop what they are sent."""

from collections.abc import Callable, Iterator

from modwarden.model import Conduit, Encryption, Finding, Site, Tunnel, TunnelEnd, TunnelKind, ZoneName
from modwarden.site.lint._finding import listed, warning

_KINDS = {Encryption.WIREGUARD: TunnelKind.WIREGUARD, Encryption.IPSEC: TunnelKind.IPSEC}


def conduit_without_tunnel(site: Site) -> Iterator[Finding]:
    """A conduit declares an encryption that no tunnel between its zones gives."""
    for conduit in site.conduits.values():
        kind = _KINDS.get(conduit.protection.encryption or Encryption.NONE)
        if kind is None or any(_serves(site, tunnel, conduit) for tunnel in _of_kind(site, kind)):
            continue
        what = f"{conduit.name!r} declares {kind}, and no such tunnel leads between its zones"
        hint = "add it under `tunnels:`, name the conduit there, or correct `encryption`"
        yield warning("conduit-without-tunnel", conduit.origin.at("protection"), what, hint)


def end_does_not_forward(site: Site) -> Iterator[Finding]:
    """Networks lie behind an end that is no router: it drops what is sent to them."""
    for tunnel in site.tunnels.values():
        for end in tunnel.ends:
            asset = site.assets[end.asset]
            behind = [str(network) for network in end.networks if network.num_addresses > 1]
            if behind and not asset.connections.forwards:
                what = f"{end.asset!r} has {listed(behind)} behind it and forwards nothing"
                hint = "add `forwards: true` to the asset, or narrow `networks` to its own addresses"
                yield warning("end-does-not-forward", end.origin.at("networks"), what, hint)


def _of_kind(site: Site, kind: TunnelKind) -> Iterator[Tunnel]:
    yield from (tunnel for tunnel in site.tunnels.values() if tunnel.kind is kind)


def _serves(site: Site, tunnel: Tunnel, conduit: Conduit) -> bool:
    """Say whether it is the conduit's, or leads from its clients or guard to its guard or servers."""
    if tunnel.conduit is not None:
        return tunnel.conduit == conduit.name
    guard = site.assets[conduit.guard].zone
    here, there = {*conduit.from_zones, guard}, {guard, conduit.to_zone}
    first, second = (_zones_at(site, end) for end in tunnel.ends)
    return any(
        zone != other
        for one, far in ((first, second), (second, first))
        for zone in one & here
        for other in far & there
    )


def _zones_at(site: Site, end: TunnelEnd) -> set[ZoneName]:
    found = {site.assets[end.asset].zone}
    for zone in site.zones.values():
        if any(own.overlaps(network) for own in zone.networks for network in end.networks):
            found.add(zone.name)
    return found


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (conduit_without_tunnel, end_does_not_forward)
