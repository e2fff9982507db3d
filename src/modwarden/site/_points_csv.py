"""Points from a CSV file: a vendor's columns, words for types, and 4xxxx notation."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modwarden.model import LAST_ADDRESS, Limits, Order, Origin, Point, PointName, PointType, Table
from modwarden.site._point_check import check_point
from modwarden.site._schema_points import PointFileShape
from modwarden.site._words import parse_span, parse_table
from modwarden.site.problems import Mistake, Problems, did_you_mean

# Names of IEC 61131-3 table 10, and what data sheets say most often.
_TYPE_WORDS = {kind.value: kind for kind in PointType} | {
    "bool": PointType.BIT,
    "int": PointType.INT16,
    "uint": PointType.UINT16,
    "word": PointType.UINT16,
    "dint": PointType.INT32,
    "udint": PointType.UINT32,
    "dword": PointType.UINT32,
    "lint": PointType.INT64,
    "ulint": PointType.UINT64,
    "lword": PointType.UINT64,
    "real": PointType.FLOAT32,
    "float": PointType.FLOAT32,
    "lreal": PointType.FLOAT64,
    "double": PointType.FLOAT64,
}
# The first digit of the old notation names the table; the rest is 1-based.
_TABLE_DIGITS = {
    "0": Table.COIL,
    "1": Table.DISCRETE_INPUT,
    "3": Table.INPUT_REGISTER,
    "4": Table.HOLDING_REGISTER,
}
_NUMBERED = re.compile(r"^([0134])(\d{4}|\d{5})$")
_WITH_X = re.compile(r"^([0134])[xX]:?(\d{1,5})$")

_Value = TypeVar("_Value")


def read_points_csv(path: Path, shape: PointFileShape, problems: Problems) -> dict[PointName, Point]:
    """
    Read every row as a point; a row with a mistake is reported with the CSV's own line.

    Raises:
        Mistake: the file cannot be read, or lacks a column.
    """
    text = _read(path, shape)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=shape.delimiter)
    columns = _columns(path, shape, list(reader.fieldnames or []))
    points: dict[PointName, Point] = {}
    for cells in reader:
        origin = Origin(str(path), reader.line_num)
        row = _Row({key: (cells.get(column) or "").strip() for key, column in columns.items()}, shape)
        with problems.at(origin):
            point = check_point(row.point(origin))
            if point.name in points:
                what = f"the point {point.name!r} is here twice; the first is at {points[point.name].origin}"
                raise Mistake("duplicate-key", what, "rename one of them")
            points[point.name] = point
    return points


def parse_numbered(text: str) -> tuple[Table, int] | None:
    """
    Read 40101, 400101 or 4x101; `None` if it is not that notation.

    Raises:
        Mistake: the number is none of its table.
    """
    match = _NUMBERED.match(text) or _WITH_X.match(text)
    if match is None:
        return None
    address = int(match[2]) - 1
    if not 0 <= address <= LAST_ADDRESS:
        hint = "this notation is 1-based: 40001 is holding_register 0, 465536 the last"
        raise Mistake("outside-table", f"{text!r} lies outside its table", hint)
    return _TABLE_DIGITS[match[1]], address


def _read(path: Path, shape: PointFileShape) -> str:
    try:
        return path.read_text(encoding=shape.encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise Mistake(
            "bad-encoding", f"{path} is not {shape.encoding}: {error}", "name it: `encoding: cp1252`"
        ) from error
    except OSError as error:
        hint = "the path is relative to the site file"
        raise Mistake("unreadable-file", f"{path} cannot be read: {error.strerror}", hint) from error


def _columns(path: Path, shape: PointFileShape, header: list[str]) -> Mapping[str, str]:
    named = shape.columns.model_fields_set | {"name", "address"}
    columns: dict[str, str] = shape.columns.model_dump()
    for key in sorted(named):
        if columns[key] not in header:
            hint = did_you_mean(
                columns[key], header, f"its columns are {', '.join(header)}; map them with `columns:`"
            )
            raise Mistake("unknown-column", f"{path} has no column {columns[key]!r}", hint)
    return {key: column for key, column in columns.items() if column in header}


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of one row under our names for the columns."""

    cells: Mapping[str, str]
    shape: PointFileShape

    def point(self, origin: Origin) -> Point:
        name = self._text("name")
        if name is None:
            raise Mistake("missing-key", "this row has no name", "name the point, or delete the row")
        table, address = self._place()
        return Point(
            name=PointName(name),
            table=table,
            address=address,
            type=self._type(table),
            word_order=self._order("word_order", self.shape.word_order),
            byte_order=self._order("byte_order", self.shape.byte_order),
            scale=self._number("scale", float, 1.0),
            offset=self._number("offset", float, 0.0),
            limits=self._limits(),
            engineering_unit=self._text("engineering_unit"),
            origin=origin,
        )

    def _text(self, key: str) -> str | None:
        return self.cells.get(key) or None

    def _place(self) -> tuple[Table, int]:
        text = self._text("address") or ""
        table = self._text("table")
        if table is not None and text.isdecimal():
            return parse_table(table.lower()), self._plain(text)
        numbered = parse_numbered(text)
        if numbered is not None:
            return numbered
        if text.isdecimal() or not text:
            # Spreadsheets drop the leading 0 of coils.
            hint = "write 40001, 400001 or 4x1 (coils: 00001 or 0x1), or add a column for the table"
            raise Mistake("bad-address", f"{text!r} names no table", hint)
        span = parse_span(text)
        return span.table, span.first

    def _plain(self, text: str) -> int:
        address = int(text) - self.shape.first_address
        if not 0 <= address <= LAST_ADDRESS:
            hint = f"with `first_address: {self.shape.first_address}` it is the first of its table"
            raise Mistake(
                "outside-table",
                f"address {text} lies outside its table",
                f"{self.shape.first_address} {hint}",
            )
        return address

    def _type(self, table: Table) -> PointType:
        word = self._text("type")
        if word is None and table.holds_bits:
            return PointType.BIT
        words = _TYPE_WORDS | {vendor.lower(): kind for vendor, kind in self.shape.types.items()}
        if (word or "").lower() not in words:
            what = f"{word!r} is no type" if word else "a point in registers needs a type"
            raise Mistake(
                "bad-value",
                what,
                did_you_mean(word or "", list(words), f"map it: `types: {{{word}: int16}}`"),
            )
        return words[(word or "").lower()]

    def _order(self, key: str, otherwise: Order) -> Order:
        word = (self._text(key) or otherwise.value).lower()
        if word not in list(Order):
            raise Mistake("bad-value", f"{key}: {word!r} is no order", "write big or little")
        return Order(word)

    def _number(self, key: str, read: Callable[[str], _Value], otherwise: _Value) -> _Value:
        text = self._text(key)
        if text is None:
            return otherwise
        try:
            # Where columns are not parted by commas, a comma is the decimal sign.
            return read(text if self.shape.delimiter == "," else text.replace(",", "."))
        except ValueError:
            raise Mistake("bad-value", f"{key}: {text!r} is no number", "write digits, such as 0.1") from None

    def _limits(self) -> Limits | None:
        low, high = (self._number(key, float, None) for key in ("min", "max"))
        if (low is None) != (high is None):
            raise Mistake("bad-limits", "a row has min and max, or neither", "fill in the other one")
        limits = Limits(
            range=(low, high) if low is not None and high is not None else None,
            max_step=self._number("max_step", float, None),
            per_minute=self._number("per_minute", int, None),
        )
        return None if limits == Limits() else limits
