"""`modwarden audit query`: find records and show them."""

import sys
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from modwarden.audit import JournalDirectory, PointBook, QueryError, query
from modwarden.audit.output import (
    TABLE_COLUMNS,
    print_table,
    write_csv,
    write_json_lines,
    write_parquet,
)
from modwarden.cli._filters import (
    Clients,
    Conduits,
    Functions,
    Kinds,
    Points,
    Servers,
    Since,
    Until,
    Verdicts,
    rows_that,
    tell_unknown_names,
    times,
)
from modwarden.cli._journal import JournalArgument, Unread, journal_of
from modwarden.cli._options import JsonOption
from modwarden.cli._printing import console, print_error

# Nobody reads more lines than this on a screen; programs get every row.
TABLE_ROWS = 500
STDOUT = Path("-")


def command(  # noqa: PLR0917  (each option is a parameter)
    journal: JournalArgument,
    since: Since = None,
    until: Until = None,
    conduit: Conduits = None,
    client: Clients = None,
    server: Servers = None,
    function: Functions = None,
    point: Points = None,
    verdict: Verdicts = None,
    kind: Kinds = None,
    last: Annotated[int | None, typer.Option("--last", min=1, help="Only so many rows, the newest.")] = None,
    as_json: JsonOption = False,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write CSV; - is stdout.")] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help="Write Parquet.")] = None,
) -> None:
    """Find records by time, conduit, client, server, function, point, verdict or kind."""
    if sum((as_json, csv is not None, parquet is not None)) > 1:
        raise QueryError("choose one of --json, --csv and --parquet")
    wanted = rows_that(
        conduits=conduit,
        clients=client,
        servers=server,
        functions=function,
        points=point,
        verdicts=verdict,
        kinds=kind,
        span=times(since, until),
    )
    directory = JournalDirectory(journal_of(journal))
    tell_unknown_names(directory, wanted)
    book = PointBook(directory.policies)
    if parquet is not None:
        write_parquet(parquet, query(directory, wanted, last=last))
    elif csv is not None:
        _write_csv(csv, query(directory, wanted, last=last), book)
    elif as_json:
        write_json_lines(sys.stdout, query(directory, wanted, last=last), book)
    else:
        _print(query(directory, wanted, last=last, columns=TABLE_COLUMNS), book, is_cut=last is None)
    Unread(directory).end()


def _write_csv(path: Path, rows: pa.Table, book: PointBook) -> None:
    if path == STDOUT:
        write_csv(sys.stdout, rows, book)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, rows, book)


def _print(rows: pa.Table, book: PointBook, *, is_cut: bool) -> None:
    earlier = rows.num_rows - TABLE_ROWS
    if is_cut and earlier > 0:
        print_error(f"{earlier:,} earlier rows are not shown; --last N, --json or --csv has them")
        rows = rows.slice(earlier)
    print_table(console(), rows, book)
