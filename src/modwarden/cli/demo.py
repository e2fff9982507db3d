"""`modwarden demo cleanroom`: the same attack on 200 rooms without a guard, observed, and refused."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modwarden import lab
from modwarden.cli import _demo_figures as figures
from modwarden.cli._demo_acts import require_free_ports
from modwarden.cli._demo_children import Children
from modwarden.cli._demo_folder import prepare_folder
from modwarden.cli._demo_product import Product
from modwarden.cli._demo_proof import proof
from modwarden.cli._demo_stage import Stage
from modwarden.cli._demo_story import act_one, act_three, act_two, prologue

app = typer.Typer(name="demo", help="See it work on this machine, without root.", no_args_is_help=True)

INTERRUPTED = 130  # 128 + SIGINT, as shells count


@app.callback()
def _demos() -> None:
    """See it work on this machine, without root."""


@app.command()
def cleanroom(
    folder: Annotated[Path, typer.Option(help="Where site file, journal and plot go.")] = Path("cleanroom"),
    units: Annotated[int, typer.Option(min=17, max=200, help="How many rooms.")] = 200,
) -> None:
    """Play three acts in about a minute: no guard, the guard observes, the guard enforces."""
    try:
        _perform(Console(highlight=False), folder, units)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; all that the demo started has been stopped")
        raise typer.Exit(INTERRUPTED) from None


def _perform(console: Console, root: Path, units: int) -> None:
    began = time.monotonic()
    where = (f"127.11.0.[1-{units}]:15020", f"127.10.0.2:[15001-{15000 + units}]")
    require_free_ports([endpoint for text in where for endpoint in lab.parse_endpoints(text)])
    folder = prepare_folder(root)
    folder.site.write_text(lab.cleanroom_site(units), encoding="utf-8")
    with Children(folder.logs) as children:
        stage = Stage(console, folder, units, children, Product(folder, children))
        for scene in (prologue, act_one, act_two, act_three, proof):
            scene(stage)
    _close(stage, began)


def _close(stage: Stage, began: float) -> None:
    with stage.console.status("drawing the rooms"):
        figures.draw(stage.folder, stage.outcomes, stage.words)
    acts = [figures.figures_of(outcome) for outcome in stage.outcomes]
    stage.afterwards["seconds for all of this"] = round(time.monotonic() - began, 1)
    figures.write_figures(stage.folder, {"acts": acts, "afterwards": stage.afterwards})
    stage.say("[bold]What this run came to[/]")
    stage.console.print(figures.summary_table(acts))
    for name, value in stage.afterwards.items():
        stage.say(f"{name}: {figures.shown(value)}")
    stage.say("", "[bold]What stays, and what to type next[/]")
    _print_next(stage)


def _print_next(stage: Stage) -> None:
    folder = stage.folder
    stage.say(f"The plot is {folder.plot('png')} (and .svg), the figures are {folder.figures}.")
    sequence = stage.afterwards["record of the HMI's refused write"]
    commands = (
        (f"check {folder.site}", "what the site file says, checked"),
        (f"audit query {folder.journal} --client {lab.ATTACKER_ADDRESS}", "what the attacker tried"),
        (f"policy explain {folder.site} --sequence {sequence}", "why the HMI was refused"),
        (f"audit verify {folder.altered}", "the altered byte, found"),
        (f"run {folder.site}", "the guard; in two more terminals:"),
        ("lab cleanroom", "the plant"),
        ("lab hmi --seconds 10", "the HMI through the guard"),
    )
    width = max(len(command) for command, _ in commands)
    for command, why in commands:
        stage.say(f"  {_program()} {command:<{width}}   [dim]{why}[/]")


def _program() -> str:
    """Say how to start this program from here: by its name where the shell would find it."""
    started = Path(sys.argv[0])
    found = shutil.which(started.name)
    if started.name != "modwarden" or (found and Path(found).samefile(started)):
        return "modwarden"
    near = Path(os.path.relpath(started))
    return str(started if str(near).startswith("..") else near)
