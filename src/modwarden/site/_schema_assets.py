"""The shape of assets, and of how clients share them."""

from typing import Annotated, Literal

from pydantic import Field

from modwarden.model import (
    Framing,
    Parity,
    Tolerance,
)
from modwarden.site._fields import (
    Duration,
    FromText,
)
from modwarden.site._schema_connections import (
    RelayShape,
    RemoteAccessShape,
    RouteShape,
    RulesetShape,
)
from modwarden.site._schema_flows import ManagementShape
from modwarden.site._shape import Shape

_UnitNumber = Annotated[int, Field(ge=0, le=255)]


class SerialShape(Shape):
    """A serial port of the guard's host; RTU, 8 data bits, nothing assumed."""

    port: str = Field(min_length=1, description="Its device file; a range as in the name.")
    baud: Annotated[int, Field(ge=300, le=12_000_000)] = Field(description="Speed of the line.")
    parity: Annotated[Parity, FromText] = Field(description="none, even or odd, as the units are set.")
    stop_bits: Literal[1, 2] = Field(description="1 or 2, as the units are set.")


class LineShape(Shape):
    """How clients share a line."""

    turnaround: Duration | None = Field(
        None, description="How long units need for a broadcast, which nobody answers; 100ms."
    )
    window: Duration | None = Field(
        None, description="How long a read answers the same read again; without it, never."
    )
    read_retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="How often a read without a reply is repeated; a write never is."
    )
    echo: bool = Field(default=False, description="Whether the adapter hears what it sends.")
    client_share_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        100, description="The part of the line's time that one client may have."
    )
    clients: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="Sessions that may share it at once; further ones are refused."
    )


class ConnectionsShape(Shape):
    """How the guard connects to a server that takes few connections."""

    shared: Literal[True] = Field(description="All clients share one connection.")
    pipeline: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="Requests that the server is known to bear at once."
    )
    pause: Duration | None = Field(None, description="Between a reply and the next request; none.")
    lifetime: Duration | None = Field(
        None, description="After this the connection is renewed, once nothing is open on it."
    )


class AssetShape(Shape):
    """A client, server, gateway or the host of a guard; `name-[001-200]` stands for many."""

    zone: str = Field(description="The zone it belongs to.")
    addresses: list[str] = Field(default_factory=list, description="IP addresses; ranges as in the name.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(502, description="Modbus TCP port.")
    unit_ids: list[_UnitNumber] | None = Field(None, description="Unit ids that clients use for it.")
    unit_id: _UnitNumber | str | None = Field(None, description="Its one unit id; a range as in the name.")
    via: str | None = Field(None, description="The gateway it stands behind.")
    points: str | None = Field(None, description="Name of its map of points.")
    vendor: str | None = Field(None, description="Who made it.")
    model: str | None = Field(None, description="The maker's name for it.")
    firmware: str | None = Field(None, description="Its version.")
    tolerate: list[Annotated[Tolerance, FromText]] = Field(
        default_factory=list, description="Rules of Modbus it may break."
    )
    reply_timeout: Duration | None = Field(
        None, description="How long a reply may take; 10s, behind a gateway or on a bus 3s."
    )
    serial: SerialShape | None = Field(
        None, description="The guard's serial port that leads to its units, or at which this client asks."
    )
    framing: Annotated[Framing, FromText] | None = Field(
        None, description="modbus_tcp, or rtu_over_tcp for serial device servers."
    )
    connections: ConnectionsShape | None = Field(
        None, description="For a server that takes few connections; without it, each client has one."
    )
    line: LineShape | None = Field(None, description="How clients share a bus or a connection.")
    interfaces: dict[str, list[str]] = Field(
        default_factory=dict, description="Addresses by interface, as its rule sets name them."
    )
    forwards: bool = Field(default=False, description="Whether it routes between its interfaces.")
    rulesets: list[RulesetShape] = Field(
        default_factory=list, description="What its packet filter holds; without one, everything passes."
    )
    routes: list[RouteShape] | None = Field(
        None, description="Its routes; without the key, it may know a way to every network."
    )
    relay: RelayShape | None = Field(None, description="What it relays.")
    remote_access: list[RemoteAccessShape] = Field(
        default_factory=list, description="Ways into it that no router sees."
    )
    management: ManagementShape | None = Field(
        None, description="Who may connect to it, where it is a router or a guard's host; without it, nobody."
    )
    moves_between: list[str] = Field(
        default_factory=list, description="Zones in which it is connected at one time or another."
    )
