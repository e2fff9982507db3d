"""`modwarden pki`: certificates with Modbus roles."""

import typer

from modwarden.cli import (
    pki_crl,
    pki_import,
    pki_init,
    pki_issue,
    pki_list,
    pki_renew,
    pki_request,
    pki_revoke,
)

app = typer.Typer(
    name="pki",
    help="Issue, renew, revoke and list certificates with Modbus roles.",
    no_args_is_help=True,
)
app.command("init")(pki_init.command)
app.add_typer(pki_issue.app, name="issue")
app.command("renew")(pki_renew.command)
app.command("revoke")(pki_revoke.command)
app.command("crl")(pki_crl.command)
app.command("list")(pki_list.command)
app.add_typer(pki_request.app, name="request")
app.add_typer(pki_import.app, name="import")
