"""Rows shown to people and programs: values through points."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from modwarden.audit import Filter, JournalDirectory, PointBook, query
from modwarden.audit.output import print_table, write_csv, write_json_lines, write_parquet

SETPOINT_21_5 = [0x41AC, 0x0000]


def _journal(written: Any) -> tuple[JournalDirectory, PointBook]:
    written.seal(
        [
            {"sequence": 1, "function_code": 16, "values": SETPOINT_21_5, "latency_us": 420},
            {"sequence": 2, "response_values": SETPOINT_21_5},
            {"sequence": 3, "function_code": 6, "quantity": 1, "values": [0x41AC], "verdict": "deny"},
            {"sequence": 4, "policy": "cd" * 32, "function_code": 16, "values": SETPOINT_21_5},
        ]
    )
    journal = JournalDirectory(written.path)
    return journal, PointBook(journal.policies)


def test_the_table_shows_values_through_the_points(written: Any) -> None:
    journal, book = _journal(written)
    console = Console(width=200, file=io.StringIO(), record=True)
    print_table(console, query(journal, Filter()), book)
    text = console.export_text()

    assert "write temperature_setpoint 21.5 degC" in text
    assert "read temperature_setpoint 21.5 degC" in text
    assert "write temperature_setpoint [0x41AC]" in text
    assert "write holding_register 100-101 [0x41AC, 0x0000]" in text


def test_json_lines_hold_the_fields_that_are_set_and_the_points(written: Any) -> None:
    journal, book = _journal(written)
    out = io.StringIO()
    write_json_lines(out, query(journal, Filter()), book)
    first, second, third, _ = (json.loads(line) for line in out.getvalue().splitlines())

    assert first["written"] == {"temperature_setpoint": "21.5 degC"}
    assert second["read"] == {"temperature_setpoint": "21.5 degC"}
    assert "written" not in third
    assert "exception_code" not in third
    assert first["time"] == "2026-09-21T14:13:21.000000Z"


def test_csv_has_every_column_once(written: Any) -> None:
    journal, book = _journal(written)
    out = io.StringIO()
    write_csv(out, query(journal, Filter()), book)
    row = next(csv.DictReader(io.StringIO(out.getvalue())))

    assert row["written"] == "temperature_setpoint=21.5 degC"
    assert row["values"] == "16812 0"
    assert row["exception_code"] == ""


def test_parquet_comes_back_as_it_was(written: Any, tmp_path: Path) -> None:
    journal, _ = _journal(written)
    rows = query(journal, Filter())
    write_parquet(tmp_path / "out.parquet", rows)

    assert pq.read_table(tmp_path / "out.parquet").equals(rows)
