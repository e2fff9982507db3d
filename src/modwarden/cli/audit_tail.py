"""`modwarden audit tail`: follow the record as it grows."""

import sys
from dataclasses import replace
from typing import Annotated

import pyarrow as pa
import typer

from modwarden.audit import JournalDirectory, PointBook, Tail, query
from modwarden.audit.output import print_lines_of, write_json_lines
from modwarden.cli._filters import (
    Clients,
    Conduits,
    Functions,
    Kinds,
    Points,
    Servers,
    Verdicts,
    rows_that,
    tell_unknown_names,
)
from modwarden.cli._journal import JournalArgument, Unread, journal_of
from modwarden.cli._options import JsonOption
from modwarden.cli._printing import console


def command(  # noqa: PLR0917  (each option is a parameter)
    journal: JournalArgument,
    conduit: Conduits = None,
    client: Clients = None,
    server: Servers = None,
    function: Functions = None,
    point: Points = None,
    verdict: Verdicts = None,
    kind: Kinds = None,
    last: Annotated[int, typer.Option("--last", min=0, help="Begin with so many rows of the past.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with new rows.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Show the newest records, then each new one as it is committed, until Ctrl-C."""
    wanted = rows_that(
        conduits=conduit,
        clients=client,
        servers=server,
        functions=function,
        points=point,
        verdicts=verdict,
        kinds=kind,
    )
    directory = JournalDirectory(journal_of(journal))
    tell_unknown_names(directory, wanted)
    book = PointBook(directory.policies)
    tail = Tail.from_now(directory, wanted, book)
    if last:
        _show(query(directory, replace(wanted, up_to=tail.cursor), last=last), book, as_json=as_json)
    unread = Unread(directory)
    unread.tell()
    try:
        for rows in tail.follow() if follow else ():
            _show(rows, book, as_json=as_json)
            unread.tell()
    except KeyboardInterrupt:
        pass
    unread.end()


def _show(rows: pa.Table, book: PointBook, *, as_json: bool) -> None:
    if as_json:
        write_json_lines(sys.stdout, rows, book)
        sys.stdout.flush()
        return
    print_lines_of(console(), rows, book)
