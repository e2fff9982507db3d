"""`modwarden run`: all that the site file asks of this host, each part a child process."""

import logging
from enum import StrEnum
from typing import Annotated

import typer

from modwarden.cli._options import GuardOption, SitePlace, StateOption
from modwarden.guard import serve, state_directory
from modwarden.supervisor import Supervisor, end_with_supervisor, guard_part


class HostPart(StrEnum):
    """What a host can run."""

    GUARD = "guard"


def command(
    site: SitePlace,
    guard: GuardOption = None,
    only: Annotated[
        HostPart | None, typer.Option("--only", help="Run this part alone, in this process.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Run what the site file asks of this host; SIGHUP reloads, SIGTERM drains and stops."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if only is HostPart.GUARD:
        end_with_supervisor()
        serve(site, guard, state_directory(site, guard, state))
        return
    raise typer.Exit(Supervisor([guard_part(site, guard, state)]).run())
