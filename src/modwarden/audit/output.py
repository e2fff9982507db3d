"""Rows of the journal as a table for people, and as JSON lines, CSV or Parquet for programs."""

import csv
import json
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modwarden.audit.points import PointBook
from modwarden.audit.render import render_outcome, render_request, response_values, written_values
from modwarden.audit.rows import TIMES, each_row
from modwarden.audit.schema import EVENT_SCHEMA
from modwarden.audit.spans import PointValue
from modwarden.audit.times import render_time

_LISTS = ("values", "response_values", "previous_values")
_CSV_COLUMNS = [*EVENT_SCHEMA.names, "written", "read"]
_STYLES = {"permit": "green", "deny": "bold red", "would deny": "yellow"}
TABLE_COLUMNS = tuple(
    name
    for name in EVENT_SCHEMA.names
    if name
    not in {"clock", "guard", "session", "client_port", "identity", "server_address", "transaction_id", "pdu"}
)


def print_table(console: Console, rows: pa.Table, book: PointBook) -> None:
    """Print one line a row, as wide as the terminal is."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sequence", justify="right", no_wrap=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("client → server")
    table.add_column("request")
    table.add_column("verdict")
    table.add_column("rule or reason")
    for row in each_row(rows):
        table.add_row(*_cells(row, book))
    console.print(table)


def print_lines_of(console: Console, rows: pa.Table, book: PointBook) -> None:
    """Print one line a row without a head, for a stream that has no end."""
    for row in each_row(rows):
        cells = [cell if isinstance(cell, Text) else Text(cell) for cell in _cells(row, book)]
        console.print(Text("  ").join(cells), soft_wrap=True)


def write_json_lines(file: TextIO, rows: pa.Table, book: PointBook) -> None:
    """Write one JSON object a row: its fields that are set, and its values as points."""
    file.writelines(json.dumps(json_row(row, book), ensure_ascii=False) + "\n" for row in each_row(rows))


def write_csv(file: TextIO, rows: pa.Table, book: PointBook) -> None:
    """Write every field a column; lists are numbers with spaces between."""
    writer = csv.DictWriter(file, _CSV_COLUMNS)
    writer.writeheader()
    for row in each_row(rows):
        writer.writerow(_csv_row(row, book))


def write_parquet(path: Path, rows: pa.Table) -> None:
    """Write the rows in the journal's own columns."""
    pq.write_table(rows, path, compression="zstd")


def json_row(row: dict[str, Any], book: PointBook) -> dict[str, Any]:
    """Give the fields that are set, in forms JSON can carry."""
    shown: dict[str, Any] = {name: _plain(name, value) for name, value in row.items() if value is not None}
    for name, values in (("written", written_values(row, book)), ("read", response_values(row, book))):
        if values:
            shown[name] = {value.point: value.text for value in values}
    return shown


def _cells(row: dict[str, Any], book: PointBook) -> tuple[str | Text, ...]:
    client = row["client"] or row["client_address"] or ""
    server = row["server"] or ""
    unit = f"/{row['unit_id']}" if row["unit_id"] is not None else ""
    verdict = _verdict(row)
    return (
        str(row["sequence"]),
        Text(render_time(row["time"])[:-4] + "Z"),
        Text(f"{client} → {server}{unit}" if client or server else ""),
        Text(render_request(row, book)),
        Text(verdict, style=_STYLES.get(verdict, "dim")),
        Text(render_outcome(row)),
    )


def _csv_row(row: dict[str, Any], book: PointBook) -> dict[str, Any]:
    flat = {name: _flat(name, row[name]) for name in EVENT_SCHEMA.names}
    return flat | {"written": _joined(written_values(row, book)), "read": _joined(response_values(row, book))}


def _joined(values: list[PointValue]) -> str:
    return "; ".join(f"{value.point}={value.text}" for value in values)


def _flat(name: str, value: Any) -> Any:
    if name in _LISTS and value is not None:
        return " ".join(str(number) for number in value)
    return _plain(name, value)


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TIMES:
        return render_time(value)
    return value.hex() if isinstance(value, bytes) else value


def _verdict(row: dict[str, Any]) -> str:
    """Say the verdict; what a conduit only observed was forwarded all the same."""
    verdict = str(row["verdict"] or "")
    return f"would {verdict}" if row["kind"] == "request.observed" and verdict == "deny" else verdict
