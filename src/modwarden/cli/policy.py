"""`modwarden policy`: ask the policy, and test it."""

import typer

from modwarden.cli import policy_explain, policy_test

app = typer.Typer(name="policy", help="Ask the policy why, and run its tests.", no_args_is_help=True)
app.command("explain")(policy_explain.command)
app.command("test")(policy_test.command)
