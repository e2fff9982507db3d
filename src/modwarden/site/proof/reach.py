"""What reaches what over the network: zone by zone, by address and service."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modwarden.model import AssetName, ZoneName
from modwarden.site.proof.space import DESTINATION, SERVICE
from modwarden.site.proof.topology import Topology
from modwarden.site.proof.walk import Walk
from modwarden.site.proof.words import listed, names_in_ranges, services_in_words


@dataclass(frozen=True, slots=True)
class Reach:
    """A zone, and what of another one its packets arrive at through routers and ways in."""

    zone: ZoneName
    to: ZoneName
    assets: tuple[AssetName, ...]
    services: str

    def __str__(self) -> str:
        names = listed(names_in_ranges(self.assets)) if self.assets else "addresses without an asset"
        return f"{self.zone} reaches {names} in {self.to} on {self.services}"


@dataclass(slots=True)
class ReachTable:
    """Every pair of zones, kept as masks and put in words when somebody asks."""

    topology: Topology
    _rows: dict[tuple[ZoneName, ZoneName], dict[int, int]] = field(default_factory=dict)

    def add(self, walk: Walk) -> None:
        """Take in what one zone reaches without going through hosts."""
        for one in walk.reached:
            if one.router is None:
                row = self._rows.setdefault((walk.start, one.zone), {})
                services = one.packets[SERVICE]
                row[services] = row.get(services, 0) | one.packets[DESTINATION]

    def in_words(self) -> Iterator[Reach]:
        """Name the assets and services of each pair."""
        addresses = self.topology.addresses_of
        for (zone, to), row in self._rows.items():
            for services, reached in row.items():
                assets = tuple(name for name, own in addresses.items() if own & reached)
                yield Reach(zone, to, assets, services_in_words(self.topology.space, services))
