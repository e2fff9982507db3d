"""What a record's request read and wrote, and what those numbers mean as points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modwarden.model.point import Point, PointMap, decode_point, render_value
from modwarden.model.table import Span, Table

READ_TABLES: Mapping[int, Table] = {
    1: Table.COIL,
    2: Table.DISCRETE_INPUT,
    3: Table.HOLDING_REGISTER,
    4: Table.INPUT_REGISTER,
    23: Table.HOLDING_REGISTER,
}
WRITE_TABLES: Mapping[int, Table] = {
    5: Table.COIL,
    6: Table.HOLDING_REGISTER,
    15: Table.COIL,
    16: Table.HOLDING_REGISTER,
    22: Table.HOLDING_REGISTER,
    23: Table.HOLDING_REGISTER,
}
MASK_WRITE = 22
READ_WRITE = 23


@dataclass(frozen=True, slots=True)
class PointValue:
    """One point's value in a record."""

    point: str
    value: int | float
    text: str


def read_span(row: Mapping[str, Any]) -> Span | None:
    """Say which addresses the request reads; None where it reads none."""
    return _span(READ_TABLES.get(row["function_code"] or 0), row["address"], row["quantity"])


def write_span(row: Mapping[str, Any]) -> Span | None:
    """Say which addresses the request writes; None where it writes none."""
    code = row["function_code"] or 0
    if code == READ_WRITE:
        return _span(WRITE_TABLES[code], row["write_address"], row["write_quantity"])
    return _span(WRITE_TABLES.get(code), row["address"], row["quantity"])


def point_values(points: PointMap | None, span: Span | None, raw: Sequence[int] | None) -> list[PointValue]:
    """Give the value of each point that the numbers cover whole."""
    if points is None or span is None or raw is None or len(raw) != span.quantity:
        return []
    return [
        PointValue(point.name, value, render_value(point, value))
        for point, first in _whole_points(points, span)
        for value in (decode_point(point, raw[first : first + point.type.quantity]),)
    ]


def point_names(points: PointMap | None, span: Span | None) -> list[str]:
    """Name the points a span touches."""
    return [] if points is None or span is None else [point.name for point in points.at(span)]


def _whole_points(points: PointMap, span: Span) -> Iterator[tuple[Point, int]]:
    for point in points.at(span):
        for own in point.spans:
            if own.table == span.table and span.first <= own.first and own.last <= span.last:
                yield point, own.first - span.first
                break


def _span(table: Table | None, first: int | None, quantity: int | None) -> Span | None:
    if table is None or first is None or not quantity:
        return None
    return Span(table, first, first + quantity - 1)
