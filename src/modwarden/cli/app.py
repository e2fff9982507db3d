"""The command `modwarden`: one module per command, imported when it is asked for.

Kept true here:
* only the module of the command asked for is imported, so that the guard's
  process never loads what queries and demos need;
* a command that reads the record takes what the guard leaves of the processor;
* every error ends as its exit code: 1 findings, 2 the operator's input, 3 the
  world, 70 our bug.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from modwarden.cli._printing import print_error
from modwarden.errors import ModwardenError

EXIT_WORLD = 3
EXIT_BUG = 70
# 128 and the number of SIGINT, as shells have it.
EXIT_INTERRUPTED = 130
URGENT = "MODWARDEN_URGENT"


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them, and the module that holds it."""

    name: str
    module: str
    is_group: bool = False
    comes_last: bool = False
    """It may run beside a guard, and takes the processor's time only where nobody else wants it."""


COMMANDS = (
    Command("demo", "demo", is_group=True),
    Command("check", "check"),
    Command("map", "map"),
    Command("probe", "probe"),
    Command("schema", "schema"),
    Command("run", "run"),
    Command("status", "status"),
    Command("reload", "reload"),
    Command("top", "top"),
    Command("policy", "policy", is_group=True),
    Command("audit", "audit", is_group=True, comes_last=True),
    Command("harden", "harden"),
    Command("drift", "drift"),
    Command("pki", "pki", is_group=True),
    Command("lab", "lab", is_group=True),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None and any(command.comes_last for command in COMMANDS if command.name in words[:1]):
        _come_last()
    try:
        build_app(words[0] if words else None)(words, prog_name="modwarden")
    except SystemExit as end:
        return _exit_code(end)
    except KeyboardInterrupt:
        # While modules are still read; a command that runs ends in its own way.
        return EXIT_INTERRUPTED
    except ModwardenError as error:
        print_error(str(error))
        return error.exit_code
    except OSError as error:
        print_error(str(error))
        return EXIT_WORLD
    except Exception:  # noqa: BLE001  (the last net: whatever falls here is our bug)
        traceback.print_exc()
        print_error("this is a bug in modwarden; the lines above say where")
        return EXIT_BUG
    return 0


def _come_last() -> None:
    # On a host that is never idle it would wait for ever; whoever cannot wait says so.
    if os.environ.get(URGENT):
        return
    # Low priority is not enough: such a process may end its time slice, some 3 ms, before a guard goes on.
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def build_app(wanted: str | None) -> typer.Typer:
    """Build the command tree: only the command wanted, or all where none is named."""
    app = typer.Typer(
        name="modwarden",
        help="The guard in the conduit: a Modbus firewall that records what it decides.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None if os.environ.get("NO_COLOR") else "rich",
    )
    app.callback()(_modwarden)
    known = [command for command in COMMANDS if command.name == wanted]
    for command in known or COMMANDS:
        _add(app, command)
    return app


def _modwarden() -> None:
    """The guard in the conduit: a Modbus firewall that records what it decides."""


def _add(app: typer.Typer, command: Command) -> None:
    module = importlib.import_module(f"modwarden.cli.{command.module}")
    if command.is_group:
        app.add_typer(module.app, name=command.name)
    else:
        app.command(command.name)(module.command)


def _exit_code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    return end.code if isinstance(end.code, int) else EXIT_BUG
