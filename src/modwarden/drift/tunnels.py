"""WireGuard as it runs against the site file: who may send through a tunnel, and from which networks."""

from collections.abc import Iterator

from modwarden.drift.loaded import Loaded, WireGuard
from modwarden.model import Asset, Finding, Network, Origin, Severity, Site, Tunnel, TunnelEnd, TunnelKind

_HINT = "set it as `modwarden harden` writes it, or declare it under `tunnels:` and prove the site with it"


def check_tunnels(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Hold the interfaces and peers of WireGuard against the tunnels that end at a host."""
    if loaded.wireguard is None:
        return
    declared = {end.interface: (tunnel, end) for tunnel, end in wireguard_ends(site, asset)}
    # `wg` lists WireGuard in userspace by its socket, which hosts of other network namespaces share.
    running = {one.name: one for one in loaded.wireguard if loaded.links is None or one.name in loaded.links}
    for name, one in running.items():
        if name not in declared:
            networks = ", ".join(_networks(net for peer in one.peers for net in peer.allowed)) or "nothing"
            what = f"opens a tunnel: {name} runs with {networks} behind it, not in the site file"
            yield _finding(asset, what, Severity.ERROR, asset.origin)
    for interface, (tunnel, end) in declared.items():
        if interface not in running:
            what = f"closes the tunnel {tunnel.name}: there is no {interface}"
            yield _finding(asset, what, Severity.WARNING, tunnel.origin)
            continue
        yield from _differences(asset, tunnel, end, running[interface])


def wireguard_ends(site: Site, asset: Asset) -> Iterator[tuple[Tunnel, TunnelEnd]]:
    """List the WireGuard tunnels that end at a host."""
    for tunnel in site.tunnels.values():
        end = tunnel.end_of(asset.name)
        if tunnel.kind is TunnelKind.WIREGUARD and end is not None:
            yield tunnel, end


def _differences(asset: Asset, tunnel: Tunnel, end: TunnelEnd, one: WireGuard) -> Iterator[Finding]:
    peer = tunnel.peer_of(end)
    if end.address is not None and end.port is not None and one.port != end.port:
        what = f"closes the tunnel {tunnel.name}: {one.name} listens on udp/{one.port}, not udp/{end.port}"
        yield _finding(asset, what, Severity.WARNING, end.origin)
    if end.public_key is not None and one.public_key != end.public_key:
        what = f"closes the tunnel {tunnel.name}: {one.name} has another key than the site file gives it"
        yield _finding(asset, what, Severity.WARNING, end.origin)
    known = [held for held in one.peers if peer.public_key in (None, held.public_key)]
    for held in one.peers:
        if held not in known:
            what = f"opens {one.name} to a peer that no tunnel has: {held.public_key}"
            behind = ", ".join(_networks(held.allowed))
            yield _finding(asset, f"{what}, with {behind or 'nothing'} behind it", Severity.ERROR, end.origin)
    if not known:
        what = f"closes the tunnel {tunnel.name}: {one.name} does not have its peer {peer.asset}"
        yield _finding(asset, what, Severity.WARNING, end.origin)
        return
    allowed = {network for held in known for network in held.allowed}
    wanted = set(peer.allowed_ips)
    for networks, verb, words in (
        (allowed - wanted, "opens", "allowed here, and not in the site file"),
        (wanted - allowed, "closes", "not allowed here any more"),
    ):
        if networks:
            severity = Severity.ERROR if verb == "opens" else Severity.WARNING
            what = f"{verb} the tunnel {tunnel.name} to {', '.join(_networks(networks))}: {words}"
            yield _finding(asset, what, severity, end.origin)


def _finding(asset: Asset, what: str, severity: Severity, origin: Origin) -> Finding:
    return Finding("drift-tunnel", severity, f"{asset.name}: {what}", _HINT, origin)


def _networks(found: Iterator[Network] | set[Network] | tuple[Network, ...]) -> list[str]:
    return sorted(str(network) for network in found)
