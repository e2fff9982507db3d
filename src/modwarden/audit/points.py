"""The points that each policy knew, read from the texts the journal keeps.

A record names the policy that decided it, so its values are shown through the
points of that policy, not through those of today's site file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modwarden.model.names import PointMapName, PointName
from modwarden.model.point import Order, Point, PointMap, PointType
from modwarden.model.table import Table


@dataclass(frozen=True, slots=True)
class Unit:
    """A server and unit id, under every name a record may give it."""

    names: frozenset[str]
    unit_ids: frozenset[int]
    points: PointMap | None


@dataclass(frozen=True, slots=True)
class PolicyPoints:
    """Which points one policy knew, unit by unit."""

    units: tuple[Unit, ...]

    def of(self, server: str | None, unit_id: int | None) -> PointMap | None:
        """Give the points of the unit a record names; None where it had none."""
        for unit in self.units:
            if server in unit.names and unit_id in unit.unit_ids:
                return unit.points
        return None


@dataclass(slots=True)
class PointBook:
    """All policies a journal keeps, each read once, when first asked for."""

    folder: Path
    _policies: dict[str, PolicyPoints] = field(default_factory=dict)
    _maps: dict[tuple[str | None, str | None, int | None], PointMap | None] = field(default_factory=dict)

    def of(self, policy: str | None, server: str | None, unit_id: int | None) -> PointMap | None:
        """Give the points of a record's unit, as the policy that decided it knew them."""
        key = (policy, server, unit_id)
        if key not in self._maps:
            self._maps[key] = None if policy is None else self._policy(policy).of(server, unit_id)
        return self._maps[key]

    def every_unit(self) -> Iterator[Unit]:
        """List the units of all policies kept; one in several policies comes several times."""
        for path in sorted(self.folder.glob("*.json")):
            yield from self._policy(path.stem).units

    def _policy(self, digest: str) -> PolicyPoints:
        if digest not in self._policies:
            self._policies[digest] = _load_policy(self.folder / f"{digest}.json")
        return self._policies[digest]


def _load_policy(path: Path) -> PolicyPoints:
    """Read one policy's text; a missing or strange one shows raw values, not an error."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        maps = [_point_map(entry) for entry in document["point_maps"]]
        return PolicyPoints(tuple(_units(document["servers"], maps)))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return PolicyPoints(())


def _units(servers: list[dict[str, Any]], maps: list[PointMap]) -> Iterator[Unit]:
    for server in servers:
        for unit in server["units"]:
            index = unit.get("point_map")
            yield Unit(
                names=frozenset({server["name"], unit["asset"]}),
                unit_ids=frozenset(unit["unit_ids"]),
                points=None if index is None else maps[index],
            )


def _point_map(entry: dict[str, Any]) -> PointMap:
    points = (_point(item) for item in entry["points"])
    return PointMap(PointMapName(entry["name"]), {point.name: point for point in points})


def _point(item: dict[str, Any]) -> Point:
    return Point(
        name=PointName(item["name"]),
        table=Table(item["table"]),
        address=item["address"],
        type=PointType(item["type"]),
        word_order=Order(item.get("word_order", "big")),
        byte_order=Order(item.get("byte_order", "big")),
        scale=item.get("scale", 1.0),
        offset=item.get("offset", 0.0),
        aliases=tuple((Table(table), first) for table, first in item.get("aliases", ())),
        engineering_unit=item.get("engineering_unit"),
    )
