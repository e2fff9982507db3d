"""`modwarden audit`: the record, read."""

import typer

from modwarden.cli import audit_export, audit_query, audit_tail, audit_verify

app = typer.Typer(
    name="audit",
    help=(
        "Read the record, prove it, hand out a part of it. "
        "Runs while the host has nothing else to do; MODWARDEN_URGENT=1 takes its turn like any other."
    ),
    no_args_is_help=True,
)
app.command("tail")(audit_tail.command)
app.command("query")(audit_query.command)
app.command("verify")(audit_verify.command)
app.command("export")(audit_export.command)
