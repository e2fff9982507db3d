"""`modwarden audit export`: a part of the record for someone else, with what it rests on."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.audit import Exported, ExportForm, JournalDirectory, export
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
from modwarden.cli._printing import print_json, print_lines


def command(  # noqa: PLR0917  (each option is a parameter)
    journal: JournalArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder for the copy.")],
    form: Annotated[
        ExportForm, typer.Option("--form", help="How the rows are written.")
    ] = ExportForm.PARQUET,
    since: Since = None,
    until: Until = None,
    conduit: Conduits = None,
    client: Clients = None,
    server: Servers = None,
    function: Functions = None,
    point: Points = None,
    verdict: Verdicts = None,
    kind: Kinds = None,
    as_json: JsonOption = False,
) -> None:
    """Copy records, their policies and the public keys into a folder, with a manifest of digests."""
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
    done = export(directory, wanted, to, form)
    if as_json:
        told = {"folder": str(done.folder), "rows": done.rows, "files": list(done.files)}
        print_json(told | {"not_provable": done.not_provable})
    else:
        print_lines(f"{done.rows:,} records and {len(done.files) - 1} files in {done.folder}", _proof(done))
    Unread(directory).end()


def _proof(done: Exported) -> str:
    if done.not_provable is not None:
        return f"not provable: {done.not_provable}"
    return f"from checkpoint to checkpoint: `modwarden audit verify {done.folder}` checks it by itself"
