"""`modwarden audit verify`: prove that the record is what was written."""

from typing import Annotated

import typer

from modwarden.audit import Proof, render_finding, render_proof, verify
from modwarden.cli._journal import JournalArgument, journal_of
from modwarden.cli._options import JsonOption
from modwarden.cli._printing import print_json, print_lines

EXIT_FINDINGS = 1


def command(
    journal: JournalArgument,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", help="The first public key, in hex, as printed at first start."),
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="Digest of a later checkpoint kept elsewhere, in hex.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find any altered, removed, reordered, doubled or cut row of a journal or an export: then exit 1."""
    verification = verify(journal_of(journal), Proof(public_key, checkpoint))
    if as_json:
        print_json(verification.raw)
    else:
        print_lines(*(render_finding(finding) for finding in verification.findings))
        print_lines(*(f"note: {render_finding(notice)}" for notice in verification.notices))
        print_lines(*render_proof(verification))
    if not verification.is_sound:
        raise typer.Exit(EXIT_FINDINGS)
