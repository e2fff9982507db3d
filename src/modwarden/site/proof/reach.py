"""What reaches what over the network: zone by zone, by address and service."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modwarden.model import AssetName, ZoneName
from modwarden.site.proof.space import DESTINATION, SERVICE
from modwarden.site.proof.topology import Topology
from modwarden.site.proof.walk import Reached, Walk
from modwarden.site.proof.words import listed, names_in_ranges, services_in_words


@dataclass(frozen=True, slots=True)
class Reach:
    """A zone, and what of another one its packets arrive at through routers and ways in."""

    zone: ZoneName
    to: ZoneName
    assets: tuple[AssetName, ...]
    services: str
    guard: AssetName | None = None
    """The guard in the wire that takes them, and passes on what its rules permit."""

    def __str__(self) -> str:
        names = listed(names_in_ranges(self.assets)) if self.assets else "addresses without an asset"
        through = f" through the guard on {self.guard}" if self.guard is not None else ""
        return f"{self.zone} reaches {names} in {self.to} on {self.services}{through}"


@dataclass(slots=True)
class ReachTable:
    """Every pair of zones, kept as masks and put in words when somebody asks."""

    topology: Topology
    _rows: dict[tuple[ZoneName, ZoneName, AssetName | None], dict[int, int]] = field(default_factory=dict)

    def add(self, walk: Walk) -> None:
        """Take in what one zone reaches without going through hosts."""
        for one in walk.reached:
            if one.router is None:
                self._add((walk.start, one.zone, None), one.packets[DESTINATION], one.packets[SERVICE])
            elif one.is_taken:
                self._add_taken(walk.start, one, one.router.name)

    def _add_taken(self, start: ZoneName, one: Reached, guard: AssetName) -> None:
        """Take in declared servers only: the guard takes whatever looks like Modbus, to refuse it."""
        site = self.topology.site
        for conduit in site.conduits.values():
            if conduit.guard != guard or conduit.transparent is None:
                continue
            for socket in site.listeners(conduit):
                to, on = self.topology.socket_masks(socket)
                reached, services = one.packets[DESTINATION] & to, one.packets[SERVICE] & on
                if reached and services:
                    self._add((start, conduit.to_zone, guard), reached, services)

    def _add(self, row: tuple[ZoneName, ZoneName, AssetName | None], to: int, services: int) -> None:
        held = self._rows.setdefault(row, {})
        held[services] = held.get(services, 0) | to

    def in_words(self) -> Iterator[Reach]:
        """Name the assets and services of each pair."""
        addresses = self.topology.addresses_of
        for (zone, to, guard), row in self._rows.items():
            for services, reached in row.items():
                assets = tuple(name for name, own in addresses.items() if own & reached)
                yield Reach(zone, to, assets, services_in_words(self.topology.space, services), guard)
