"""
Sets of packets as boxes: one mask of pieces for each dimension of a header.

Each axis is cut at every bound that a rule, a zone or an asset names, so that no set of the proof ends within
a piece: what holds for one number of a piece holds for all of it. A box is a product of such masks, a set of
packets a list of boxes, and all operations on them are exact.

The method is header space analysis (Kazemian, Varghese, McKeown, NSDI 2012), with pieces of axes in place of
wildcards, after the atomic predicates of Yang and Lam (ICNP 2013).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from modwarden.model import Address
from modwarden.site._axes import Axis
from modwarden.site.rulesets.ir import Match
from modwarden.site.rulesets.sets import (
    ADDRESSES,
    PORTS,
    SERVICES,
    SOURCE_PORTS,
    V4_ONLY,
    V6,
    V6_ONLY,
    Interval,
    IntervalSet,
)

# Source and destination address, service, source port.
Packets: TypeAlias = tuple[int, int, int, int]
# The same, then the interfaces by which a router takes it and gives it on.
Box: TypeAlias = tuple[int, int, int, int, int, int]
SOURCE, DESTINATION, SERVICE, SOURCE_PORT, INWARD, OUTWARD = range(6)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, to show what a set holds."""

    source: Address
    destination: Address
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Space:
    """The axes of one proof."""

    addresses: Axis
    services: Axis
    source_ports: Axis

    @classmethod
    def cut_by(
        cls, matches: Iterable[Match], addresses: Iterable[Interval], services: Iterable[Interval]
    ) -> "Space":
        """Cut each axis at every bound that matters."""
        address_sets: list[tuple[Interval, ...]] = [(V4_ONLY,), *((interval,) for interval in addresses)]
        service_sets: list[tuple[Interval, ...]] = [(interval,) for interval in services]
        port_sets: list[tuple[Interval, ...]] = []
        for match in matches:
            address_sets += (match.source.pieces(ADDRESSES), match.destination.pieces(ADDRESSES))
            service_sets.append(match.service.pieces(SERVICES))
            port_sets.append(match.source_port.pieces(SOURCE_PORTS))
        return cls(
            Axis.cut_by(ADDRESSES, address_sets),
            Axis.cut_by(SERVICES, service_sets),
            Axis.cut_by(SOURCE_PORTS, port_sets),
        )

    @property
    def everything(self) -> Packets:
        """All packets."""
        addresses, services, ports = (full(a) for a in (self.addresses, self.services, self.source_ports))
        return addresses, addresses, services, ports

    def families(self) -> tuple[int, int]:
        """The addresses of each IP version; a packet's two addresses have the same."""
        return self.addresses.mask([V4_ONLY]), self.addresses.mask([V6_ONLY])

    def address_mask(self, found: IntervalSet) -> int:
        """Give the pieces of a set of addresses."""
        return self.addresses.mask(found.pieces(ADDRESSES))

    def service_mask(self, found: IntervalSet) -> int:
        """Give the pieces of a set of services."""
        return self.services.mask(found.pieces(SERVICES))

    def packets_of(self, match: Match) -> Packets:
        """Give the box of a rule's match, interfaces apart."""
        return (
            self.address_mask(match.source),
            self.address_mask(match.destination),
            self.service_mask(match.service),
            self.source_ports.mask(match.source_port.pieces(SOURCE_PORTS)),
        )

    def example(self, packets: Packets, preferred: int = 0) -> Packet:
        """Name one packet of a box; a service in `preferred` where it has one."""
        services = packets[SERVICE] & preferred or packets[SERVICE]
        number = self.services.cuts[lowest(services)]
        return Packet(
            self._address(packets[SOURCE]),
            self._address(packets[DESTINATION]),
            number // PORTS,
            number % PORTS,
        )

    def _address(self, mask: int) -> Address:
        number = self.addresses.cuts[lowest(mask)]
        return IPv4Address(number) if number < V6 else IPv6Address(number - V6)

    def intervals(self, axis: Axis, mask: int) -> Iterator[Interval]:
        """Write a mask out as intervals; pieces that touch are joined."""
        while mask:
            first = lowest(mask)
            rest = mask >> first
            length = lowest(~rest)
            yield axis.cuts[first], axis.cuts[first + length]
            mask &= ~(((1 << length) - 1) << first)


def full(axis: Axis) -> int:
    """Give the mask of a whole axis."""
    return (1 << axis.width) - 1


def lowest(mask: int) -> int:
    """Give the number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def meet(box: Box, other: Box) -> Box | None:
    """Give what two boxes share; None where they share nothing. Written out, for speed."""
    source = box[0] & other[0]
    if not source:
        return None
    destination = box[1] & other[1]
    if not destination:
        return None
    service = box[2] & other[2]
    inward = box[4] & other[4]
    outward = box[5] & other[5]
    port = box[3] & other[3]
    if not (service and inward and outward and port):
        return None
    return source, destination, service, port, inward, outward


def without(box: Box, other: Box) -> list[Box]:
    """Cut one box out of another: at most one piece for each dimension is left."""
    if meet(box, other) is None:
        return [box]
    left = []
    inside = list(box)
    for index, theirs in enumerate(other):
        outside = inside[index] & ~theirs
        if outside:
            piece = list(inside)
            piece[index] = outside
            left.append((piece[0], piece[1], piece[2], piece[3], piece[4], piece[5]))
        inside[index] &= theirs
    return left
