"""A site: everything the operator's file says, with all names resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from modwarden.model.asset import Asset
from modwarden.model.bus import Bus, Transceiver
from modwarden.model.conduit import Conduit, OnGuardFailure, ServerBinding, Socket
from modwarden.model.diversion import Diversion
from modwarden.model.identity import Account, IdentitySource
from modwarden.model.journal import JournalSettings
from modwarden.model.names import AssetName, ConduitName, PointMapName, TunnelName, ZoneName
from modwarden.model.network import Address
from modwarden.model.origin import Origin
from modwarden.model.point import PointMap
from modwarden.model.policy_test import PolicyTest
from modwarden.model.tunnel import Tunnel, TunnelEnd
from modwarden.model.zone import Zone


@dataclass(frozen=True, slots=True)
class Site:
    """One site; what is derived from it needs nothing else."""

    name: str
    timezone: ZoneInfo
    path: Path
    zones: Mapping[ZoneName, Zone]
    point_maps: Mapping[PointMapName, PointMap]
    assets: Mapping[AssetName, Asset]
    conduits: Mapping[ConduitName, Conduit]
    journal: JournalSettings
    tests: tuple[PolicyTest, ...] = ()
    identity_sources: tuple[IdentitySource, ...] = ()
    accounts: tuple[Account, ...] = ()
    buses: tuple[Bus, ...] = ()
    transceivers: tuple[Transceiver, ...] = ()
    tunnels: Mapping[TunnelName, Tunnel] = field(default_factory=dict)
    origin: Origin = field(default=Origin("", 0), compare=False)

    def units_via(self, gateway: AssetName) -> tuple[Asset, ...]:
        """List the assets behind a gateway; none, if it is not one."""
        return tuple(asset for asset in self.assets.values() if asset.via == gateway)

    def asset_at(self, address: Address) -> Asset | None:
        """Name the asset that has an address."""
        return next((asset for asset in self.assets.values() if address in asset.addresses), None)

    def zone_at(self, address: Address) -> Zone | None:
        """Name the zone of an address; the narrowest network decides."""
        holding = [
            (network.prefixlen, zone.name)
            for zone in self.zones.values()
            for network in zone.networks
            if address in network
        ]
        return self.zones[max(holding)[1]] if holding else None

    def points_of(self, asset: AssetName) -> PointMap | None:
        """Give the points of an asset, where it has any."""
        name = self.assets[asset].points
        return None if name is None else self.point_maps[name]

    def sockets(self, conduit: Conduit, binding: ServerBinding) -> tuple[Socket, ...]:
        """List where clients connect to for a server: the guard's socket, its own addresses, or no socket."""
        if conduit.transparent is None:
            return (binding.listen,) if isinstance(binding.listen, Socket) else ()
        asset = self.assets[binding.asset]
        return tuple(Socket(address, asset.port) for address in asset.addresses)

    def listeners(self, conduit: Conduit) -> tuple[Socket, ...]:
        """List where clients connect to for any server of a conduit."""
        return tuple(socket for binding in conduit.servers for socket in self.sockets(conduit, binding))

    def diversions(self, guard: AssetName) -> tuple[Diversion, ...]:
        """Say what the kernel of a guard's host must divert, conduit by conduit."""
        conduits = [conduit for conduit in self.conduits.values() if conduit.guard == guard]
        return tuple(
            Diversion(
                conduit=conduit.name,
                port=conduit.transparent.port,
                clients_on=conduit.transparent.clients_on,
                servers_on=conduit.transparent.servers_on,
                families=tuple(
                    sorted({s.address.version for b in conduit.servers for s in self.sockets(conduit, b)})
                ),
                fails_open=conduit.on_failure.guard == OnGuardFailure.OPEN,
            )
            for conduit in sorted(conduits, key=lambda conduit: conduit.name)
            if conduit.transparent is not None
        )

    def tunnel_ends(self, asset: AssetName) -> tuple[tuple[Tunnel, TunnelEnd], ...]:
        """List the tunnels that end at an asset, each with its end there, in the order of the file."""
        ends = ((tunnel, tunnel.end_of(asset)) for tunnel in self.tunnels.values())
        return tuple((tunnel, end) for tunnel, end in ends if end is not None)

    def guards(self) -> tuple[AssetName, ...]:
        """List the assets on which a guard runs, in the order of the file."""
        return tuple(dict.fromkeys(conduit.guard for conduit in self.conduits.values()))
