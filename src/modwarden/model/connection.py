"""How an asset connects zones: interfaces, rule sets, routes, relays, remote access."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from modwarden.model.names import ZoneName
from modwarden.model.network import Address, Network
from modwarden.model.origin import Origin


class RulesetFormat(StrEnum):
    """How a rule set is written."""

    NFT = "nft"
    NFT_JSON = "nft-json"
    IPTABLES_SAVE = "iptables-save"
    IP6TABLES_SAVE = "ip6tables-save"


class RelayKind(StrEnum):
    """What a relay is; each ends its clients' connections and opens its own."""

    JUMP_HOST = "jump_host"
    HISTORIAN = "historian"
    OPCUA = "opcua"
    PROXY = "proxy"
    HYPERVISOR = "hypervisor"


class RemoteAccessKind(StrEnum):
    """How somebody elsewhere gets in."""

    VPN = "vpn"
    MODEM = "modem"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface, by the name that its host's rule set uses."""

    name: str
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesetFile:
    """The rule set of a router, as its own tools print it."""

    path: Path
    format: RulesetFormat
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a router to what it is not attached to."""

    to: Network
    via: Address


@dataclass(frozen=True, slots=True)
class Port:
    """A port, or a span of ports, of one protocol; `icmp` is an echo, and has none."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        if self.protocol == "icmp":
            return self.protocol
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol}/{span}"


@dataclass(frozen=True, slots=True)
class Relay:
    """A service that takes connections and makes others: a path that no router sees."""

    kind: RelayKind
    listens: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """A way into an asset from another zone, whatever the routers say."""

    kind: RemoteAccessKind
    from_zone: ZoneName
    interface: str | None = None
    addresses: tuple[Network, ...] = ()
    who: str | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Connections:
    """All that an asset connects."""

    interfaces: tuple[Interface, ...] = ()
    forwards: bool = False
    rulesets: tuple[RulesetFile, ...] = ()
    routes: tuple[Route, ...] | None = None
    relay: Relay | None = None
    remote_access: tuple[RemoteAccess, ...] = ()
    moves_between: tuple[ZoneName, ...] = ()
