"""Transparent insertion: between which interfaces the guard stands, and what else may pass there."""

from dataclasses import dataclass, field
from enum import StrEnum

from modwarden.model.origin import Origin

# Needs no privilege, and lies below the kernel's own choice of ports (32768), so that nobody else takes it.
DIVERTED_PORT = 15502


class Layout(StrEnum):
    """How clients' and servers' networks lie towards each other."""

    ROUTED = "routed"
    SAME_SUBNET = "same_subnet"


class ClientAddress(StrEnum):
    """Whose address a server sees."""

    KEEP = "keep"
    GUARD = "guard"


class PassProtocol(StrEnum):
    """What beside Modbus may be let through."""

    ICMP = "icmp"
    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True, order=True)
class AlsoPass:
    """One protocol, and for TCP and UDP one port of the servers, that clients may use past the guard."""

    protocol: PassProtocol
    port: int | None = None

    def __str__(self) -> str:
        return self.protocol if self.port is None else f"{self.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class Transparent:
    """Where the guard's host stands in the wire, and how it behaves there."""

    clients_on: tuple[str, ...]
    servers_on: str
    layout: Layout = Layout.ROUTED
    client_address: ClientAddress = ClientAddress.KEEP
    port: int = DIVERTED_PORT
    also_pass: tuple[AlsoPass, ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)
