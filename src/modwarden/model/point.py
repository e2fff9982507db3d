"""A point: a named, typed value of a server, and how its registers become a number."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from modwarden.errors import ModwardenError
from modwarden.model.limits import Limits
from modwarden.model.names import PointMapName, PointName
from modwarden.model.origin import Origin
from modwarden.model.table import Span, Table


class PointType(StrEnum):
    """How the registers of a point are read."""

    BIT = "bit"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def quantity(self) -> int:
        """How many addresses one value takes."""
        return _QUANTITIES[self]

    @property
    def is_float(self) -> bool:
        """Say whether the registers hold IEEE 754."""
        return self in (PointType.FLOAT32, PointType.FLOAT64)


_FORMATS = {
    PointType.INT16: "h",
    PointType.UINT16: "H",
    PointType.INT32: "i",
    PointType.UINT32: "I",
    PointType.INT64: "q",
    PointType.UINT64: "Q",
    PointType.FLOAT32: "f",
    PointType.FLOAT64: "d",
}
_QUANTITIES = {PointType.BIT: 1} | {kind: struct.calcsize(">" + code) // 2 for kind, code in _FORMATS.items()}
_ON_OFF = {"on": 1, "true": 1, "1": 1, "off": 0, "false": 0, "0": 0}


class Order(StrEnum):
    """Which end comes first."""

    BIG = "big"
    LITTLE = "little"


@dataclass(frozen=True, slots=True)
class Point:
    """A named, typed value; `value = raw * scale + offset`."""

    name: PointName
    table: Table
    address: int
    type: PointType
    word_order: Order = Order.BIG
    byte_order: Order = Order.BIG
    scale: float = 1.0
    offset: float = 0.0
    aliases: tuple[tuple[Table, int], ...] = ()
    partial: bool = False
    read_side_effect: bool = False
    limits: Limits | None = None
    engineering_unit: str | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)

    @property
    def span(self) -> Span:
        """The addresses it lives at."""
        return Span(self.table, self.address, self.address + self.type.quantity - 1)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its own addresses, then those of its aliases."""
        extra = self.type.quantity - 1
        return (self.span, *(Span(table, first, first + extra) for table, first in self.aliases))


@dataclass(frozen=True, slots=True)
class PointMap:
    """The points that servers of one kind share."""

    name: PointMapName
    points: Mapping[PointName, Point]
    origin: Origin = field(default=Origin("", 0), compare=False)

    def at(self, span: Span) -> tuple[Point, ...]:
        """List the points that a span touches, also through their aliases."""
        return tuple(p for p in self.points.values() if any(s.overlaps(span) for s in p.spans))


class PointValueError(ModwardenError):
    """A value that a point cannot hold, or a text that is not its value."""

    exit_code = 2


def decode_point(point: Point, registers: Sequence[int]) -> int | float:
    """
    Turn the registers (or the bit) read at a point's address into its value.

    Raises:
        PointValueError: the number of registers is not the type's.
    """
    if len(registers) != point.type.quantity:
        needed = point.type.quantity
        raise PointValueError(f"{point.name}: {point.type} needs {needed} register(s), not {len(registers)}")
    if point.type == PointType.BIT:
        return int(bool(registers[0]))
    raw = _unpack(point, registers)
    if _is_plain(point) or not math.isfinite(raw):
        return raw
    return float(Decimal(repr(raw)) * Decimal(repr(point.scale)) + Decimal(repr(point.offset)))


def encode_point(point: Point, value: float) -> tuple[int, ...]:
    """
    Turn a value into the registers (or the bit) that a write would carry.

    Raises:
        PointValueError: not finite, out of the type's range, or between two steps of `scale`.
    """
    if not math.isfinite(value):
        raise PointValueError(f"{point.name}: {value} is not a number that can be written")
    if point.type == PointType.BIT:
        return (_encode_bit(point, value),)
    raw = (Decimal(repr(value)) - Decimal(repr(point.offset))) / Decimal(repr(point.scale))
    return _pack(point, float(raw) if point.type.is_float else _whole(point, raw, value))


def render_value(point: Point, value: float) -> str:
    """Write a value as people read it: `21.5 degC`, `on`."""
    if point.type == PointType.BIT:
        return "on" if value else "off"
    text = _shortest(point, value)
    return f"{text} {point.engineering_unit}" if point.engineering_unit else text


def render_registers(point: Point, registers: Sequence[int]) -> str:
    """Write what the registers of a point mean: `21.5 degC`, not `0x41AC 0x0000`."""
    return render_value(point, decode_point(point, registers))


def parse_value(point: Point, text: str) -> int | float:
    """
    Read a value as people write it, with or without its engineering unit.

    Raises:
        PointValueError: the text is no value of this point.
    """
    words = text.strip()
    if point.engineering_unit:
        words = words.removesuffix(point.engineering_unit).strip()
    if point.type == PointType.BIT and words.lower() in _ON_OFF:
        return _ON_OFF[words.lower()]
    try:
        return int(words) if words.lstrip("+-").isdecimal() else float(words)
    except ValueError:
        raise PointValueError(f"{point.name}: {text!r} is not a value of type {point.type}") from None


def _is_plain(point: Point) -> bool:
    return point.scale == 1.0 and point.offset == 0.0


def _encode_bit(point: Point, value: float) -> int:
    if value not in (0, 1):
        raise PointValueError(f"{point.name}: a bit is 0 or 1, not {value}")
    return int(value)


def _whole(point: Point, raw: Decimal, value: float) -> int:
    if raw != raw.to_integral_value():
        raise PointValueError(f"{point.name}: {value} is not a step of scale {point.scale}")
    return int(raw)


def _unpack(point: Point, registers: Sequence[int]) -> int | float:
    words = registers if point.word_order == Order.BIG else list(reversed(registers))
    data = b"".join(word.to_bytes(2, point.byte_order.value) for word in words)
    raw: int | float = struct.unpack(">" + _FORMATS[point.type], data)[0]
    return raw


def _pack(point: Point, raw: float) -> tuple[int, ...]:
    try:
        data = struct.pack(">" + _FORMATS[point.type], raw)
    except (struct.error, OverflowError):
        raise PointValueError(f"{point.name}: raw value {raw} does not fit {point.type}") from None
    words = [int.from_bytes(data[i : i + 2], point.byte_order.value) for i in range(0, len(data), 2)]
    return tuple(words if point.word_order == Order.BIG else reversed(words))


def _shortest(point: Point, value: float) -> str:
    """Find the fewest digits that give the same registers back, so that float32 21.2 reads 21.2."""
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    if point.type != PointType.FLOAT32:
        return _without_zero_fraction(repr(value))
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if _same_float32(float(text), value):
            return _without_zero_fraction(repr(float(text)))
    # Scaled beyond what float32 itself could hold.
    return _without_zero_fraction(repr(value))


def _same_float32(first: float, second: float) -> bool:
    try:
        return struct.pack(">f", first) == struct.pack(">f", second)
    except OverflowError:
        return False


def _without_zero_fraction(text: str) -> str:
    return text.removesuffix(".0")
