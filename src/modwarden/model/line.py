"""A line that many clients share: a serial bus, the same behind a device server, or one TCP connection."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network

# RFC 6666: the discard prefix. No packet comes from it, so an address of it can stand for a serial port.
PORT_NETWORK = IPv6Network("100::/64")


class Parity(StrEnum):
    """Parity of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class Framing(StrEnum):
    """How frames stand on a TCP connection."""

    MODBUS_TCP = "modbus_tcp"
    RTU_OVER_TCP = "rtu_over_tcp"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """
    A serial port of the guard's host.

    RTU has 8 data bits; all else is what the line's devices are set to.
    """

    port: str
    baud: int
    parity: Parity
    stop_bits: int

    def __str__(self) -> str:
        return self.port

    @property
    def address(self) -> IPv6Address:
        """The address that stands for whoever asks at this port: a policy knows clients by address."""
        own = int.from_bytes(sha256(self.port.encode()).digest()[:8])
        return PORT_NETWORK[own]


@dataclass(frozen=True, slots=True)
class Line:
    """
    How a line is shared.

    The turnaround is V1.02 §2.4.1's; its range is 100 to 200 ms. A window answers the same read again without
    asking; reads that have an effect are never answered so.
    """

    pipeline: int = 1
    pause_ms: int = 0
    lifetime_ms: int | None = None
    turnaround_ms: int = 100
    window_ms: int | None = None
    read_retries: int = 0
    echo: bool = False
    client_share_percent: int = 100
    clients: int | None = None
