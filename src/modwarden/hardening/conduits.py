"""The transparent conduits of one guard, each with the sockets of its servers."""

from collections.abc import Iterator
from dataclasses import dataclass

from modwarden.model import Address, AssetName, Conduit, Diversion, Layout, Origin, Site, Socket, Transparent


@dataclass(frozen=True, slots=True)
class Diverted:
    """One transparent conduit."""

    conduit: Conduit
    transparent: Transparent
    diversion: Diversion
    sockets: tuple[Socket, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port at which Modbus may be spoken: the two registered ones, and the servers' own."""
        return tuple(sorted({502, 802, *(socket.port for socket in self.sockets)}))

    def sockets_of(self, version: int) -> tuple[Socket, ...]:
        """Give those of one IP version."""
        return tuple(socket for socket in self.sockets if socket.address.version == version)

    @property
    def origins(self) -> Iterator[Origin]:
        """Where in the site file it stands."""
        yield self.transparent.origin
        yield self.conduit.origin.at("on_failure")
        for binding in self.conduit.servers:
            yield Origin(binding.origin.file, binding.origin.line)


def diverted_conduits(site: Site, guard: AssetName) -> tuple[Diverted, ...]:
    """List them by name."""
    return tuple(
        _diverted(site, site.conduits[name], diversion)
        for diversion in site.diversions(guard)
        for name in site.conduits
        if name == diversion.conduit
    )


def neighbours(site: Site, of: Diverted) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """
    Give the clients' and the servers' addresses that share a subnet, and must find each other by ARP.

    The guard's host answers for those and for no others, so that nobody else's traffic comes its way.
    """
    if of.transparent.layout != Layout.SAME_SUBNET:
        return (), ()
    servers = tuple(dict.fromkeys(socket.address for socket in of.sockets))
    own = set(site.assets[of.conduit.guard].addresses) | set(servers)
    clients = [
        address
        for asset in site.assets.values()
        if asset.zone in of.conduit.from_zones
        for address in asset.addresses
        if address not in own
    ]
    return tuple(dict.fromkeys(clients)), servers


def _diverted(site: Site, conduit: Conduit, diversion: Diversion) -> Diverted:
    assert conduit.transparent is not None
    sockets = {socket for binding in conduit.servers for socket in site.sockets(conduit, binding)}
    ordered = sorted(sockets, key=lambda socket: (socket.address.version, int(socket.address), socket.port))
    return Diverted(conduit, conduit.transparent, diversion, tuple(ordered))
