"""Points from CSV files: 4xxxx notation, a vendor's columns, and mistakes with the CSV's own line."""

from typing import Any

import pytest

from modwarden.model import Order, PointMapName, PointType, Table
from modwarden.site._points_csv import parse_numbered
from modwarden.site.problems import Mistake

FAN = "    fan: {at: coil 0}\n"


def points(workshop: Any, text: str, settings: str = "", encoding: str = "utf-8") -> Any:
    (workshop.folder / "maps").mkdir()
    (workshop.folder / "maps" / "far.csv").write_text(text, encoding=encoding)
    site = workshop.load((FAN, FAN + f"  far: {{file: maps/far.csv{settings}}}\n"))
    return list(site.point_maps[PointMapName("far")].points.values())


def problem(workshop: Any, text: str, settings: str = "") -> Any:
    (workshop.folder / "far.csv").write_text(text)
    (only,) = workshop.problems((FAN, FAN + f"  far: {{file: far.csv{settings}}}\n"))
    return only


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("40001", (Table.HOLDING_REGISTER, 0)),
        ("49999", (Table.HOLDING_REGISTER, 9998)),
        ("400001", (Table.HOLDING_REGISTER, 0)),
        ("465536", (Table.HOLDING_REGISTER, 65535)),
        ("30101", (Table.INPUT_REGISTER, 100)),
        ("300101", (Table.INPUT_REGISTER, 100)),
        ("10001", (Table.DISCRETE_INPUT, 0)),
        ("00001", (Table.COIL, 0)),
        ("000017", (Table.COIL, 16)),
        ("4x101", (Table.HOLDING_REGISTER, 100)),
        ("101", None),
        ("20001", None),
        ("holding_register 3", None),
    ],
)
def test_the_old_notation_names_table_and_address(text: str, place: tuple[Table, int] | None) -> None:
    assert parse_numbered(text) == place


@pytest.mark.parametrize("text", ["40000", "465537", "4x0"])
def test_a_number_outside_its_table_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match="lies outside its table"):
        parse_numbered(text)


def test_a_plain_file_needs_no_mapping(workshop: Any) -> None:
    rows = (
        "name,address,type,word_order,byte_order,scale,offset,engineering_unit,min,max,max_step,per_minute\n"
    )
    only = points(workshop, rows + "t,40101,float32,little,big,0.1,-40,degC,18,24,0.5,6\n")[0]

    assert (only.table, only.address, only.type) == (Table.HOLDING_REGISTER, 100, PointType.FLOAT32)
    assert (only.word_order, only.byte_order) == (Order.LITTLE, Order.BIG)
    assert (only.scale, only.offset, only.engineering_unit) == (0.1, -40.0, "degC")
    assert (only.limits.range, only.limits.max_step, only.limits.per_minute) == ((18.0, 24.0), 0.5, 6)
    assert str(only.origin).endswith("far.csv:2")


def test_a_vendors_columns_words_and_decimal_commas_are_mapped(workshop: Any) -> None:
    settings = (
        ", delimiter: ';', encoding: cp1252, word_order: little, first_address: 1,"
        " types: {Gleitkomma: float32},"
        " columns: {name: Größe, address: Register, table: Tabelle, type: Format, scale: Faktor}"
    )
    header = "Größe;Register;Tabelle;Format;Faktor\n"
    text = header + "Temperatur;101;Holding_Register;gleitkomma;0,1\nPumpe;1;coil;;\n"
    first, second = points(workshop, text, settings, "cp1252")

    assert (first.name, first.address, first.type, first.scale) == ("Temperatur", 100, PointType.FLOAT32, 0.1)
    assert first.word_order == Order.LITTLE
    assert (second.table, second.address, second.type, second.limits) == (Table.COIL, 0, PointType.BIT, None)


def test_our_own_notation_of_places_is_known_too(workshop: Any) -> None:
    only = points(workshop, "name,address,type\nt,input_register 7,REAL\n")[0]

    assert (only.table, only.address, only.type) == (Table.INPUT_REGISTER, 7, PointType.FLOAT32)


@pytest.mark.parametrize(
    ("text", "settings", "name", "words"),
    [
        ("name,address,type\n,40001,int16\n", "", "missing-key", "this row has no name"),
        ("name,address,type\nt,40001,int17\n", "", "bad-value", "did you mean 'int"),
        ("name,address,type\nt,40001,\n", "", "bad-value", "needs a type"),
        ("name,address,type\nt,1,int16\n", "", "bad-address", "'1' names no table"),
        ("name,address,type\nt,,int16\n", "", "bad-address", "names no table"),
        ("name,address,type\nt,somewhere,int16\n", "", "bad-range", "no range of a table"),
        ("name,address,type\nt,40000,int16\n", "", "outside-table", "1-based"),
        ("name,address,type\nt,465536,int32\n", "", "outside-table", "runs past address 65535"),
        ("name,address,type\nt,00001,int16\n", "", "type-outside-table", "int16 does not fit coil"),
        (
            "name,address,table,type\nt,0,coil,\n",
            ", first_address: 1",
            "outside-table",
            "lies outside its table",
        ),
        ("name,address,table,type\nt,0,coal,\n", "", "unknown-table", "did you mean 'coil'?"),
        ("name,address,type,scale\nt,40001,int16,x\n", "", "bad-value", "'x' is no number"),
        ("name,address,type,word_order\nt,40001,int16,mixed\n", "", "bad-value", "write big or little"),
        ("name,address,type,min\nt,40001,int16,1\n", "", "bad-limits", "min and max, or neither"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_the_files_own_line(
    workshop: Any, text: str, settings: str, name: str, words: str
) -> None:
    found = problem(workshop, text, settings)

    assert (found.name, found.origin.line) == (name, 2)
    assert words in str(found)
    assert found.origin.file == str(workshop.folder / "far.csv")


def test_a_name_twice_is_refused(workshop: Any) -> None:
    found = problem(workshop, "name,address,type\nt,40001,int16\nt,40002,int16\n")

    assert (found.name, found.origin.line) == ("duplicate-key", 3)


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        (", columns: {name: Tag}", "unknown-column", "has no column 'Tag'"),
        (", encoding: utf-99", "bad-encoding", "is not utf-99"),
        (", encoding: ascii", "bad-encoding", "is not ascii"),
    ],
)
def test_a_file_that_cannot_be_read_as_said_is_refused_where_it_is_named(
    workshop: Any, settings: str, name: str, words: str
) -> None:
    found = problem(workshop, "name,address,type\nt,40001,int16\nü,40002,int16\n", settings)

    assert found.name == name
    assert words in found.what
    assert found.origin.line == workshop.line_of("far.csv")


@pytest.mark.parametrize(
    ("settings", "what", "hint"),
    [
        (", columns: {name: Tag, nme: Tag}", "unknown key 'nme'", "did you mean 'name'?"),
        (", columns: {at: Modbus}", "unknown key 'at'", "keys here: "),
        (", types: {REAL: flot32}", "REAL: 'flot32' is not known here", "did you mean 'float32'?"),
        (", fil: x", "unknown key 'fil'", "did you mean 'file'?"),
    ],
)
def test_a_mistake_in_how_a_file_is_read_is_told_with_its_line(
    workshop: Any, settings: str, what: str, hint: str
) -> None:
    (workshop.folder / "far.csv").write_text("name,address,type,Tag\nspeed,40001,INT,x\n")
    found = workshop.problems((FAN, FAN + f"  far: {{file: far.csv{settings}}}\n"))

    assert [problem.what for problem in found][:1] == [what]
    assert found[0].hint.startswith(hint)
    assert found[0].origin.line > 1
