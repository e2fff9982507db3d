"""Filters that the audit commands share, worded once."""

from collections.abc import Sequence
from typing import Annotated

import typer

from modwarden.audit import Filter, JournalDirectory, parse_time, unknown_names
from modwarden.cli._printing import print_error

Since = Annotated[
    str | None, typer.Option("--since", help="From this time on: 2026-03-01T07:00, or 10m ago.")
]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]
Conduits = Annotated[list[str] | None, typer.Option("--conduit", help="Name; * is a wildcard.")]
Clients = Annotated[list[str] | None, typer.Option("--client", help="Name or address; * is a wildcard.")]
Servers = Annotated[list[str] | None, typer.Option("--server", help="Name or address; * is a wildcard.")]
Functions = Annotated[
    list[str] | None, typer.Option("--function", help="Function set or code: write, diagnostics, 16, 8/4.")
]
Points = Annotated[list[str] | None, typer.Option("--point", help="Point that was read or written.")]
Verdicts = Annotated[list[str] | None, typer.Option("--verdict", help="permit or deny.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Kind of event: request.denied, journal.*")]


def times(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Read the two ends of a time span."""
    return (None if since is None else parse_time(since), None if until is None else parse_time(until))


def rows_that(
    *,
    conduits: Sequence[str] | None,
    clients: Sequence[str] | None,
    servers: Sequence[str] | None,
    functions: Sequence[str] | None,
    points: Sequence[str] | None,
    verdicts: Sequence[str] | None,
    kinds: Sequence[str] | None,
    span: tuple[int | None, int | None] = (None, None),
) -> Filter:
    """Put a command's options together."""
    return Filter(
        since_ns=span[0],
        until_ns=span[1],
        conduits=conduits or (),
        clients=clients or (),
        servers=servers or (),
        functions=functions or (),
        points=points or (),
        verdicts=verdicts or (),
        kinds=kinds or (),
    )


def tell_unknown_names(journal: JournalDirectory, wanted: Filter) -> None:
    """Say which names nobody in the journal has: no rows for them is no silence."""
    for line in unknown_names(journal, wanted):
        print_error(line)
