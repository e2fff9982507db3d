"""
Sets of whole numbers as sorted intervals; addresses, services and ports of packets are such sets.

Kept true here: every operation is exact; nothing is sampled or rounded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from modwarden.model import Address, Network

# Half-open: (first, last + 1).
Interval: TypeAlias = tuple[int, int]

# IPv4 lies below, IPv6 above.
V6 = 1 << 32
ADDRESSES: Interval = (0, V6 + (1 << 128))
V4_ONLY: Interval = (0, V6)
V6_ONLY: Interval = (V6, ADDRESSES[1])
# A service is a protocol and a port; protocols without ports have their numbers here as well.
PORTS = 1 << 16
SERVICES: Interval = (0, 256 * PORTS)
SOURCE_PORTS: Interval = (0, PORTS)


@dataclass(frozen=True, slots=True)
class IntervalSet:
    """Numbers; `None` for all of them, whichever dimension it is."""

    intervals: tuple[Interval, ...] | None

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> "IntervalSet":
        """Sort intervals and join those that touch."""
        held = [pair for pair in intervals if pair[0] < pair[1]]
        if len(held) == 1:
            return cls((held[0],))
        joined: list[Interval] = []
        for first, end in sorted(held):
            if joined and first <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            else:
                joined.append((first, end))
        return cls(tuple(joined))

    def __and__(self, other: "IntervalSet") -> "IntervalSet":
        if self.intervals is None:
            return other
        if other.intervals is None:
            return self
        return IntervalSet.of(
            (max(a, c), min(b, d)) for a, b in self.intervals for c, d in other.intervals if a < d and c < b
        )

    def __or__(self, other: "IntervalSet") -> "IntervalSet":
        if self.intervals is None or other.intervals is None:
            return ALL
        return IntervalSet.of((*self.intervals, *other.intervals))

    def without(self, whole: Interval) -> "IntervalSet":
        """Give the rest of `whole`."""
        if self.intervals is None:
            return NONE
        bounds = [whole[0], *(bound for pair in self.intervals for bound in pair), whole[1]]
        return IntervalSet.of(pair for index, pair in enumerate(pairwise(bounds)) if index % 2 == 0)

    def pieces(self, whole: Interval) -> tuple[Interval, ...]:
        """Write the set out; `whole` is what all means in its dimension."""
        return (whole,) if self.intervals is None else self.intervals

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is in it."""
        return self.intervals == ()


ALL = IntervalSet(None)
NONE = IntervalSet(())
V4 = IntervalSet((V4_ONLY,))
V6_SET = IntervalSet((V6_ONLY,))


def address_number(address: Address) -> int:
    """Place an address on the axis that both versions share."""
    return int(address) + (V6 if address.version == 6 else 0)


def network_interval(network: Network) -> Interval:
    """Give the numbers of a network's addresses."""
    first = address_number(network.network_address)
    return first, first + network.num_addresses


def service(protocol: int, ports: IntervalSet = ALL) -> IntervalSet:
    """Give the services of one protocol on some ports."""
    base = protocol * PORTS
    return IntervalSet.of((base + first, base + end) for first, end in ports.pieces(SOURCE_PORTS))
