"""An asset: anything on the network that has a name in the site file."""

from dataclasses import dataclass, field
from enum import StrEnum

from modwarden.model.connection import Connections
from modwarden.model.flow import Management
from modwarden.model.line import Framing, Line, SerialPort
from modwarden.model.names import AssetName, PointMapName, UnitId, ZoneName
from modwarden.model.network import Address
from modwarden.model.origin import Origin

MODBUS_PORT = 502


class Tolerance(StrEnum):
    """A way to break the rules of Modbus that is put up with for one server."""

    WRONG_TRANSACTION_ID = "wrong_transaction_id"
    WRONG_UNIT_ID = "wrong_unit_id"
    WRONG_LENGTH = "wrong_length"
    TRAILING_BYTES = "trailing_bytes"
    OVER_QUANTITY = "over_quantity"


@dataclass(frozen=True, slots=True)
class Asset:
    """A client, a server, a gateway or the host of a guard."""

    name: AssetName
    zone: ZoneName
    addresses: tuple[Address, ...] = ()
    port: int = MODBUS_PORT
    unit_ids: tuple[UnitId, ...] = ()
    via: AssetName | None = None
    points: PointMapName | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    tolerate: tuple[Tolerance, ...] = ()
    reply_timeout_ms: int | None = None
    serial: SerialPort | None = None
    framing: Framing = Framing.MODBUS_TCP
    line: Line | None = None
    connections: Connections = field(default_factory=Connections)
    management: Management | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)

    @property
    def client_addresses(self) -> tuple[Address, ...]:
        """Where its requests come from: its addresses, or what stands for its serial port."""
        return (self.serial.address,) if self.serial is not None else self.addresses
