"""`modwarden policy explain`: the deciding rule, the operand that failed, the nearest rule."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from modwarden.audit import JournalDirectory
from modwarden.cli._journal import journal_of
from modwarden.cli._options import GuardOption, JsonOption
from modwarden.cli._printing import print_json, print_lines
from modwarden.guard import Explanation
from modwarden.policy import (
    Asked,
    QuestionError,
    explain_asked,
    explain_recorded,
    parse_known,
    render_explanation,
    render_rules,
)
from modwarden.site import load_site


def command(  # noqa: PLR0917  (each option is a parameter)
    site: Annotated[
        Path,
        typer.Argument(metavar="SITE", exists=True, help="The site file; with --sequence a journal will do."),
    ],
    request: Annotated[
        str | None,
        typer.Argument(help="write temperature_setpoint 21.5 | fc 16 write coil 0-1 [1, 0] | pdu HEX"),
    ] = None,
    client: Annotated[str | None, typer.Option(help="Asset or address that asks.")] = None,
    server: Annotated[str | None, typer.Option(help="Asset that is asked.")] = None,
    sequence: Annotated[int | None, typer.Option(min=1, help="Explain this record instead.")] = None,
    role: Annotated[str | None, typer.Option(help="Role of the client's certificate.")] = None,
    unit_id: Annotated[int | None, typer.Option("--unit-id", min=0, max=255)] = None,
    at: Annotated[datetime | None, typer.Option(help="When; without it no `when` holds.")] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="POINT=VALUE that the server was last seen to hold.")
    ] = None,
    guard: GuardOption = None,
    rules: Annotated[bool, typer.Option("--rules", help="Say of every rule why it did not match.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Explain how a request in words, or one of the record, is decided."""
    if sequence is not None:
        explanation = explain_recorded(JournalDirectory(journal_of(site)), sequence)
    elif request is None or client is None or server is None:
        raise QuestionError("ask with --client, --server and a request in words, or with --sequence")
    else:
        asked = Asked(client, server, request, role=role, unit_id=unit_id, at=at, known=_known(known or ()))
        explanation = explain_asked(load_site(site), asked, guard)
    if as_json:
        print_json(asdict(explanation))
    else:
        _print(explanation, with_rules=rules)


def _print(explanation: Explanation, *, with_rules: bool) -> None:
    print_lines(*render_explanation(explanation))
    if with_rules:
        print_lines("every rule of the conduit:", *(f"  {line}" for line in render_rules(explanation)))


def _known(words: Iterable[str]) -> dict[str, float | tuple[int, ...]]:
    return dict(parse_known(word) for word in words)
