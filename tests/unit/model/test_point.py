"""Points: registers to values and back, in every type and order."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modwarden.model import (
    Order,
    Point,
    PointMap,
    PointMapName,
    PointName,
    PointType,
    PointValueError,
    Span,
    Table,
    decode_point,
    encode_point,
    parse_value,
    render_registers,
    render_value,
)


def point(kind: PointType = PointType.FLOAT32, **settings: Any) -> Point:
    table = Table.COIL if kind == PointType.BIT else Table.HOLDING_REGISTER
    return Point(PointName("p"), table, 100, kind, **settings)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (PointType.BIT, 2),
        (PointType.INT16, 32768),
        (PointType.UINT16, -1),
        (PointType.INT16, 0.5),
        (PointType.FLOAT32, 1e39),
        (PointType.FLOAT32, math.nan),
        (PointType.FLOAT64, math.inf),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: PointType, value: float) -> None:
    with pytest.raises(PointValueError, match=r"^p: "):
        encode_point(point(kind), value)


def test_too_few_registers_are_refused() -> None:
    with pytest.raises(PointValueError, match=r"float32 needs 2 register\(s\), not 1"):
        decode_point(point(), [1])


@pytest.mark.parametrize("text", ["warm", "", "21.5 degF", "0x10"])
def test_a_text_that_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(PointValueError, match="is not a value of type float32"):
        parse_value(point(engineering_unit="degC"), text)


# 21.5 as IEEE 754 single is 41 AC 00 00.
@pytest.mark.parametrize(
    ("word_order", "byte_order", "registers"),
    [
        (Order.BIG, Order.BIG, (0x41AC, 0x0000)),
        (Order.LITTLE, Order.BIG, (0x0000, 0x41AC)),
        (Order.BIG, Order.LITTLE, (0xAC41, 0x0000)),
        (Order.LITTLE, Order.LITTLE, (0x0000, 0xAC41)),
    ],
)
def test_all_four_orders_hold_the_same_number(
    word_order: Order, byte_order: Order, registers: tuple[int, ...]
) -> None:
    this = point(word_order=word_order, byte_order=byte_order, engineering_unit="degC")

    assert encode_point(this, 21.5) == registers
    assert render_registers(this, registers) == "21.5 degC"


@pytest.mark.parametrize(
    ("kind", "value", "registers"),
    [
        (PointType.BIT, 1, (1,)),
        (PointType.INT16, -2, (0xFFFE,)),
        (PointType.UINT16, 65534, (0xFFFE,)),
        (PointType.INT32, -2, (0xFFFF, 0xFFFE)),
        (PointType.UINT32, 65536, (1, 0)),
        (PointType.INT64, -1, (0xFFFF,) * 4),
        (PointType.UINT64, 2**63, (0x8000, 0, 0, 0)),
        (PointType.FLOAT64, 1.0, (0x3FF0, 0, 0, 0)),
    ],
)
def test_each_type_has_its_registers(kind: PointType, value: float, registers: tuple[int, ...]) -> None:
    assert encode_point(point(kind), value) == registers
    assert decode_point(point(kind), registers) == value


def test_scale_and_offset_are_decimal_so_that_213_tenths_are_21_3() -> None:
    tenths = point(PointType.INT16, scale=0.1, offset=-40.0, engineering_unit="degC")

    assert decode_point(tenths, [613]) == 21.3
    assert encode_point(tenths, 21.3) == (613,)
    assert render_registers(tenths, [613]) == "21.3 degC"


def test_what_is_not_a_number_is_shown_as_such() -> None:
    assert render_registers(point(scale=2.0), [0x7FC0, 0]) == "nan"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (PointType.BIT, 1, "on"),
        (PointType.BIT, 0, "off"),
        (PointType.INT16, 7, "7"),
        (PointType.FLOAT64, 21.0, "21"),
        (PointType.FLOAT32, 21.200000762939453, "21.2"),
        (PointType.FLOAT32, 3.4028234663852886e38, "3.4028235e+38"),
        (PointType.FLOAT32, 0.10000002384185791, "0.100000024"),
        (PointType.FLOAT32, 1e39, "1e+39"),
    ],
)
def test_a_value_is_written_with_the_fewest_digits_that_mean_it(
    kind: PointType, value: float, text: str
) -> None:
    assert render_value(point(kind), value) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (PointType.FLOAT32, "21.5 degC", 21.5),
        (PointType.FLOAT32, " -3", -3),
        (PointType.BIT, "ON", 1),
        (PointType.BIT, "false", 0),
        (PointType.INT16, "+7", 7),
    ],
)
def test_a_value_is_read_as_people_write_it(kind: PointType, text: str, value: float) -> None:
    assert parse_value(point(kind, engineering_unit="degC"), text) == value


def test_a_point_without_unit_is_read_too() -> None:
    assert parse_value(point(), "1e3") == 1000.0


@given(
    raw=st.integers(0, 2**64 - 1),
    kind=st.sampled_from(PointType),
    word=st.sampled_from(Order),
    byte=st.sampled_from(Order),
)
def test_what_is_decoded_encodes_to_the_same_registers(
    raw: int, kind: PointType, word: Order, byte: Order
) -> None:
    this = point(kind, word_order=word, byte_order=byte)
    registers = tuple(raw >> (16 * index) & 0xFFFF for index in range(kind.quantity))
    registers = (raw & 1,) if kind == PointType.BIT else registers
    value = decode_point(this, registers)

    if math.isfinite(value):
        again = decode_point(this, encode_point(this, value))
        assert again == value
        assert parse_value(this, render_value(this, value)) == pytest.approx(value, rel=1e-6)


def test_a_map_finds_the_points_that_a_span_touches_also_by_alias() -> None:
    first = point(aliases=((Table.HOLDING_REGISTER, 300),))
    points = PointMap(PointMapName("m"), {first.name: first})

    assert points.at(Span(Table.HOLDING_REGISTER, 301, 310)) == (first,)
    assert points.at(Span(Table.HOLDING_REGISTER, 90, 100)) == (first,)
    assert points.at(Span(Table.INPUT_REGISTER, 100, 100)) == ()
    assert points.at(Span(Table.HOLDING_REGISTER, 102, 102)) == ()


def test_only_floats_are_floats() -> None:
    assert [kind for kind in PointType if kind.is_float] == [PointType.FLOAT32, PointType.FLOAT64]
