"""Maps of points: from the site file itself, or by way of a CSV file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modwarden.model import (
    Limits,
    MaxChange,
    Origin,
    Point,
    PointMap,
    PointMapName,
    PointName,
    PointType,
    Span,
)
from modwarden.site._point_check import check_point
from modwarden.site._points_csv import read_points_csv
from modwarden.site._schema_points import LimitsShape, PointFileShape, PointShape
from modwarden.site._tree import Tree
from modwarden.site.problems import Mistake, Problems


@dataclass(frozen=True, slots=True)
class PointReader:
    """Builds the maps of a site; `base` is what CSV paths are relative to."""

    tree: Tree
    problems: Problems
    base: Path

    def build_maps(
        self, shapes: Mapping[str, PointFileShape | dict[str, PointShape]]
    ) -> dict[PointMapName, PointMap]:
        """Build each map; a point with a mistake is left out."""
        return {PointMapName(name): self._map(name, shape) for name, shape in shapes.items()}

    def _map(self, name: str, shape: PointFileShape | dict[str, PointShape]) -> PointMap:
        origin = self.tree.origin(("points", name))
        if isinstance(shape, PointFileShape):
            points: Mapping[PointName, Point] = self._imported(shape, origin.at("file"))
        else:
            points = self._inline(name, shape)
        return PointMap(PointMapName(name), points, origin)

    def _imported(self, shape: PointFileShape, origin: Origin) -> dict[PointName, Point]:
        with self.problems.at(origin):
            return read_points_csv(self.base / shape.file, shape, self.problems)
        return {}

    def _inline(self, map_name: str, shapes: dict[str, PointShape]) -> dict[PointName, Point]:
        points = {}
        for name, shape in shapes.items():
            origin = self.tree.origin(("points", map_name, name))
            with self.problems.at(origin.at("at")):
                points[PointName(name)] = check_point(_point(name, shape, origin))
        return points


def build_limits(shape: LimitsShape) -> Limits:
    """Turn the shape of limits into the noun."""
    change = shape.max_change
    return Limits(
        range=shape.range,
        allowed=tuple(shape.allowed) if shape.allowed is not None else None,
        max_step=shape.max_step,
        max_change=MaxChange(change.by, change.within) if change else None,
        per_minute=shape.per_minute,
        max_age_ms=shape.max_age,
    )


def _point(name: str, shape: PointShape, origin: Origin) -> Point:
    kind = _type(name, shape)
    return Point(
        name=PointName(name),
        table=shape.at.table,
        address=shape.at.first,
        type=kind,
        word_order=shape.word_order,
        byte_order=shape.byte_order,
        scale=shape.scale,
        offset=shape.offset,
        aliases=tuple((span.table, _first(name, span, kind)) for span in shape.aliases),
        partial=shape.partial == "permit",
        read_side_effect=shape.read_side_effect,
        limits=build_limits(shape.write) if shape.write else None,
        engineering_unit=shape.engineering_unit,
        origin=origin,
    )


def _type(name: str, shape: PointShape) -> PointType:
    if shape.type is None and not shape.at.table.holds_bits:
        raise Mistake("missing-key", f"{name}: a point in registers needs a type", "add `type: int16`, say")
    kind = shape.type or PointType.BIT
    _first(name, shape.at, kind)
    return kind


def _first(name: str, span: Span, kind: PointType) -> int:
    """Hold the addresses that are written against the type; the first alone is enough."""
    if span.quantity not in (1, kind.quantity):
        last = span.first + kind.quantity - 1
        what = f"{name}: {kind} takes {kind.quantity} address(es), {str(span)!r} has {span.quantity}"
        raise Mistake("point-length", what, f'write "{Span(span.table, span.first, last)}", or another type')
    return span.first
