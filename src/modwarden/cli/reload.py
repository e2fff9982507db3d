"""`modwarden reload`: have a running guard read its site file anew."""

import typer

from modwarden.cli._control import control_client, is_of_site
from modwarden.cli._options import GuardOption, JsonOption, SitePlace, StateOption
from modwarden.cli._printing import print_error, print_json, print_lines

EXIT_OPERATOR = 2


def command(
    site: SitePlace, guard: GuardOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """Reload the site file: exit 0 in force, 2 refused (the policy before stays in force)."""
    client = control_client(site, guard, state)
    if not is_of_site(client.status(), site):
        raise typer.Exit(EXIT_OPERATOR)
    answer = client.reload()
    if as_json:
        print_json({"is_in_force": answer.is_in_force, "line": answer.line})
    elif answer.is_in_force:
        print_lines(answer.line)
    else:
        print_error(answer.line)
    if not answer.is_in_force:
        raise typer.Exit(EXIT_OPERATOR)
