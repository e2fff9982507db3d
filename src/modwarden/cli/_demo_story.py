"""The demo's three acts, as they are told and played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modwarden.cli import _demo_figures as figures
from modwarden.cli._demo_acts import Act
from modwarden.cli._demo_proof import encore
from modwarden.cli._demo_stage import perform_act

if TYPE_CHECKING:
    from collections import Counter

    from modwarden.cli._demo_stage import Stage


def prologue(stage: Stage) -> None:
    """Say what is shown and what is arranged, and check the site file."""
    stage.say(
        f"[bold]{stage.units} cleanrooms, one attack, three acts.[/]",
        "Each room has an air-handling unit: a real Modbus TCP server at 127.11.0.1 to "
        f"127.11.0.{stage.units}. An HMI at 127.10.0.5 polls all of them once a second. The attacker sits in "
        "the office, at 127.30.0.4.",
        f"[dim]{figures.ARRANGED.replace(chr(10), ' ')}[/]",
    )
    with stage.console.status("checking the site file"):
        stage.product.check()
    stage.say(f"{stage.folder.site} is checked, and its policy tests hold.", "")


def act_one(stage: Stage) -> None:
    """No guard: whoever reaches a unit commands it."""
    stage.say("[bold]Act one: no guard.[/] The attacker writes 35 and 8 °C straight into the units.")
    outcome = perform_act(stage, Act(1, stage.units_at))
    stage.words.append(f"{figures.rooms_line(outcome)}\n{figures.overwritten(outcome)}")
    stage.say(f"  {figures.overwritten(outcome)}.", f"  {figures.rooms_line(outcome)}.", "")


def act_two(stage: Stage) -> None:
    """The guard carries the traffic and says what it would refuse."""
    stage.say(
        "[bold]Act two: the guard observes.[/] It stands in the conduit, forwards every byte, and records "
        "what it would refuse."
    )
    with stage.console.status("starting the guard"):
        stage.product.start()
    outcome = perform_act(stage, Act(2, stage.guard_at))
    refused = stage.refused_so_far()
    stage.afterwards["requests that would have been refused"] = refused.total()
    stage.words.append(
        f"{figures.rooms_line(outcome)}\nthe guard would have refused {refused.total():,} requests"
    )
    stage.say(
        f"  {figures.overwritten(outcome)}.",
        f"  {figures.rooms_line(outcome)}.",
        f"  It would have refused {refused.total():,} of the attacker's requests: {_by_reason(refused)}.",
        "",
    )


def act_three(stage: Stage) -> None:
    """The guard refuses; afterwards it refuses the HMI as well, explains, and reloads under load."""
    stage.say(
        "[bold]Act three: the guard enforces.[/] One word in the site file: [bold]verdicts: enforce[/]."
    )
    before = stage.refused_so_far().total()
    with stage.console.status("starting the guard"):
        stage.product.stop()
        stage.product.edit("verdicts: observe", "verdicts: enforce")
        stage.product.start()
    reload_times: list[float] = []
    outcome = perform_act(stage, Act(3, stage.guard_at), lambda: encore(stage, before, reload_times))
    lost = sum(reload_times[0] <= at <= reload_times[1] for at in outcome.hmi["lost_at_unix_s"])
    stage.afterwards["HMI polls lost around the reload"] = lost
    stopped = stage.afterwards["requests refused"]
    stage.words.append(f"{figures.rooms_line(outcome)}\nthe guard refused {stopped:,} requests")
    stage.say(
        f"  The HMI lost {lost} polls around the reload and {outcome.hmi['lost_polls']} in the whole act.",
        f"  {figures.overwritten(outcome)}.",
        f"  {figures.rooms_line(outcome)}.",
        "",
    )


def _by_reason(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counted.most_common(4))
