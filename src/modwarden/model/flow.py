"""What may cross zones beside Modbus, and who may manage an enforcement point."""

from dataclasses import dataclass, field

from modwarden.model.connection import Port
from modwarden.model.names import AssetName, FlowName, ZoneName
from modwarden.model.network import Network
from modwarden.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Party:
    """Those on one side of a flow, as the operator named them."""

    zones: tuple[ZoneName, ...] = ()
    assets: tuple[AssetName, ...] = ()
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """Connections that one party may open to another; replies belong to them."""

    name: FlowName
    source: Party
    destination: Party
    ports: tuple[Port, ...]
    why: str | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Management:
    """Who may open connections to an enforcement point itself, and at which ports."""

    source: Party
    ports: tuple[Port, ...]
    origin: Origin = field(default=Origin("", 0), compare=False)
