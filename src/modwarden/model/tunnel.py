"""A tunnel between two sites: its two ends, and the networks behind each."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network

from modwarden.model.connection import Port
from modwarden.model.names import AssetName, ConduitName, TunnelName
from modwarden.model.network import Address, Network
from modwarden.model.origin import Origin

# What `wg` calls a port that nobody chose: the one of WireGuard's own examples, and what its users expect.
WIREGUARD_PORT = 51820


class TunnelKind(StrEnum):
    """What carries it."""

    WIREGUARD = "wireguard"
    IPSEC = "ipsec"


@dataclass(frozen=True, slots=True)
class Credentials:
    """By what an IPsec end is known: its certificate with its identity, and who vouches for the peer's."""

    identity: str
    certificate: str
    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """
    One end.

    Without an `address` it only calls. A WireGuard end has an `interface`, may have an address `inside` the
    tunnel, and is known by its `public_key`; an IPsec end has `credentials` and may have `ports`.
    """

    asset: AssetName
    networks: tuple[Network, ...] = ()
    """What lies behind it: allowed_ips at its peer, its own traffic selectors."""
    address: Address | None = None
    port: int | None = None
    inside: Address | None = None
    interface: str | None = None
    public_key: str | None = None
    credentials: Credentials | None = None
    ports: tuple[Port, ...] = ()
    """Services behind it that the tunnel carries; without them, all."""
    origin: Origin = field(default=Origin("", 0), compare=False)

    @property
    def allowed_ips(self) -> tuple[Network, ...]:
        """What its peer sends to it and takes from it: its networks, and its address inside."""
        inside = () if self.inside is None else (ip_network(str(self.inside)),)
        return (*self.networks, *inside)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel; its ends stand in the order of the file."""

    name: TunnelName
    kind: TunnelKind
    ends: tuple[TunnelEnd, TunnelEnd]
    keepalive_s: int | None = None
    conduit: ConduitName | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)

    def end_of(self, asset: AssetName) -> TunnelEnd | None:
        """Give the end at an asset; None where it has none."""
        return next((end for end in self.ends if end.asset == asset), None)

    def peer_of(self, end: TunnelEnd) -> TunnelEnd:
        """Give the other end."""
        first, second = self.ends
        return second if end.asset == first.asset else first
