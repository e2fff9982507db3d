"""`modwarden status`: what a running guard enforces, and how it is."""

from collections.abc import Mapping
from typing import Any

import typer

from modwarden.cli._control import control_client, is_of_site
from modwarden.cli._options import GuardOption, JsonOption, SitePlace, StateOption
from modwarden.cli._printing import console, print_json
from modwarden.cli._status_view import (
    client_port_table,
    conduit_table,
    denial_table,
    has_alarm,
    head_lines,
    line_table,
)

EXIT_ALARM = 1


def command(
    site: SitePlace, guard: GuardOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """Say what a running guard enforces and observes, and whether it records; exit 1 with an alarm."""
    status = control_client(site, guard, state).status()
    is_of_site(status, site)
    if as_json:
        print_json(status)
    else:
        _print(status)
    if has_alarm(status):
        raise typer.Exit(EXIT_ALARM)


def _print(status: Mapping[str, Any]) -> None:
    out = console()
    out.print(*head_lines(status), sep="\n")
    out.print(conduit_table(status))
    if (lines := line_table(status)) is not None:
        out.print(lines)
    if (ports := client_port_table(status)) is not None:
        out.print(ports)
    reasons = denial_table(status)
    if reasons.row_count:
        out.print(reasons)
