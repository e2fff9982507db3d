"""
What listens on a host against what the site file says that it serves.

Kept true here: a socket that only the host itself reaches is no listener; one on a port that the kernel gives
out to clients by itself is told as a note, for it is mostly no service.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modwarden.drift.loaded import Listener, Loaded
from modwarden.model import (
    WIREGUARD_PORT,
    Address,
    Asset,
    Finding,
    Insertion,
    Port,
    Severity,
    Site,
    TunnelKind,
)

_UDP = "udp"
# RFC 7296 §2: IKE, and IKE through NAT.
_IKE = (500, 4500)


@dataclass(frozen=True, slots=True)
class Served:
    """What may listen: a protocol and ports, on one address or any of the host's."""

    port: Port
    address: Address | None
    why: str = ""
    """Why something must listen there; empty where it only may."""

    def holds(self, listener: Listener) -> bool:
        """Say whether a listener is no wider than this."""
        is_there = self.address is None or self.address == listener.address
        return (
            self.port.protocol == listener.protocol
            and self.port.first <= listener.port <= self.port.last
            and is_there
        )

    def is_met_by(self, listener: Listener) -> bool:
        """Say whether a listener takes what is to be taken, also by an address that stands for all."""
        stands_for_all = listener.address.is_unspecified
        is_there = self.address is None or stands_for_all or self.address == listener.address
        return self.port.protocol == listener.protocol and self.port.first == listener.port and is_there


def check_listeners(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Name what listens and is not declared, and what is declared and does not."""
    if loaded.listeners is None:
        return
    served = list(served_by(site, asset))
    where = asset.origin
    relay = asset.connections.relay
    # A relay without `listens` may have any port.
    for listener in () if relay is not None and not relay.listens else loaded.listeners:
        if listener.address.is_loopback or any(one.holds(listener) for one in served):
            continue
        is_client = listener.protocol == _UDP and listener.port in _given_out(loaded)
        severity = Severity.NOTE if is_client else Severity.WARNING
        opened = f"{listener.protocol}/{listener.port}"
        message = f"{asset.name}: opens {opened}: {listener} listens, and the site file does not say so"
        yield Finding("drift-listener", severity, message, "end that service, or declare its port", where)
    for one in served:
        if (
            one.why
            and one.port.first == one.port.last
            and not any(one.is_met_by(listener) for listener in loaded.listeners)
        ):
            at = f" at {one.address}" if one.address is not None else ""
            message = f"{asset.name}: closes {one.port}{at}: nothing listens there, and {one.why}"
            yield Finding("drift-listener", Severity.WARNING, message, "start it, or take it out", where)


def served_by(site: Site, asset: Asset) -> Iterator[Served]:
    """List what the site file says that a host serves."""
    yield from _may_be_served(site, asset)
    relay = asset.connections.relay
    for port in relay.listens if relay is not None else ():
        yield Served(port, None, "the relay is declared to")
    for conduit in site.conduits.values():
        if conduit.guard == asset.name and conduit.insertion is Insertion.PROXY:
            for socket in site.listeners(conduit):
                address = None if socket.address.is_unspecified else socket.address
                yield Served(
                    Port("tcp", socket.port, socket.port),
                    address,
                    f"conduit {conduit.name!r} has its listener there",
                )
        if any(binding.asset == asset.name for binding in conduit.servers):
            yield Served(
                Port("tcp", asset.port, asset.port), None, f"it is a server of conduit {conduit.name!r}"
            )


def _may_be_served(site: Site, asset: Asset) -> Iterator[Served]:
    """List what others may connect to on a host, whether it serves them or not."""
    ports = list(asset.management.ports if asset.management is not None else ())
    for flow in site.flows.values():
        to = flow.destination
        is_held = any(address in network for network in to.networks for address in asset.addresses)
        if asset.name in to.assets or asset.zone in to.zones or is_held:
            ports += flow.ports
    for tunnel in site.tunnels.values():
        end = tunnel.end_of(asset.name)
        if end is not None:
            own = (end.port or WIREGUARD_PORT,) if tunnel.kind is TunnelKind.WIREGUARD else _IKE
            ports += [Port(_UDP, port, port) for port in own]
    yield from (Served(port, None) for port in ports)


def _given_out(loaded: Loaded) -> range:
    words = (loaded.settings or {}).get("ipv4/ip_local_port_range", "").split()
    return range(int(words[0]), int(words[1]) + 1) if len(words) == 2 else range(0)
