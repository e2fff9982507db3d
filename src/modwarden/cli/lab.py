"""`modwarden lab`: a cleanroom to play with, its HMI and its attacker, each a command of its own."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from time import time
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from modwarden import lab
from modwarden.cli import lab_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Answer = TypeVar("Answer")

app = typer.Typer(name="lab", help="Plants, zones, clients and attackers.", no_args_is_help=True)

UNITS_AT = "127.11.0.[1-200]:15020"
GUARD_AT = "127.10.0.2:[15001-15200]"
MINUTES_PER_SECOND = 6.0  # slow enough to follow by eye, fast enough to lose a batch in ten seconds

Target = Annotated[str, typer.Option("--target", help="HOST:PORT; one [first-last] in either part or both.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@app.command()
def cleanroom(
    units: Annotated[int, typer.Option(min=1, max=250, help="How many air-handling units.")] = 200,
    listen: Annotated[str, typer.Option(help="Where they answer.")] = UNITS_AT,
    minutes_per_second: Annotated[float, typer.Option(min=0.01, max=600)] = MINUTES_PER_SECOND,
    history: Annotated[Path | None, typer.Option(help="CSV file for the room temperatures.")] = None,
    writes: Annotated[
        Path | None, typer.Option(help="File to which each write that reaches a unit is added, as JSON.")
    ] = None,
    hmi: Annotated[bool, typer.Option("--hmi", help="Let an HMI poll the units directly.")] = False,
) -> None:
    """Run the plant until Ctrl-C: real Modbus TCP servers with a room behind each."""
    endpoints = _endpoints(listen)[:units]
    with ExitStack() as files:
        file = files.enter_context(history.open("w", encoding="utf-8", newline="")) if history else None
        # Line by line, so that a plant that is killed leaves none of them out.
        noted = files.enter_context(writes.open("a", encoding="utf-8", buffering=1)) if writes else None
        plant = lab.Plant(endpoints, minutes_per_second, writes=lab.WriteLog(noted) if noted else None)
        _run(_run_plant(plant, endpoints, file, is_polled=hmi))


@app.command()
def hmi(
    target: Target = GUARD_AT,
    source: Annotated[str, typer.Option(help="The HMI's own address.")] = lab.HMI_ADDRESS,
    seconds: Annotated[float, typer.Option(min=0.1, help="Stop after this long; Ctrl-C stops too.")] = 86_400,
    adjust_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds between two adjustments of a setpoint.")
    ] = 0.25,
    reply_timeout: Annotated[
        float, typer.Option(min=0.01, help="A poll without its replies after so many seconds is lost.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Poll every unit once a second and now and then adjust a setpoint; print the HMI's report."""
    client = lab.Hmi(
        _endpoints(target), source=source, adjust_every_s=adjust_every, reply_timeout_s=reply_timeout
    )
    report = _run(_run_hmi(client, seconds))
    _show(report.summary(), "the HMI's report", as_json=as_json)


@app.command()
def attack(
    target: Target = GUARD_AT,
    source: Annotated[str, typer.Option(help="The attacker's own address.")] = lab.ATTACKER_ADDRESS,
    as_json: Json = False,
) -> None:
    """Play the attacker of the enterprise zone once; print what came of each move."""
    endpoints = _endpoints(target)
    began = time()
    moves = {name: tally.summary() for name, tally in _run(lab.attack(endpoints, source)).items()}
    report = {"began_unix_s": began, "moves": moves} if as_json else moves
    _show(report, "what came of the attack", as_json=as_json)


@app.command()
def setpoint(
    degc: Annotated[float, typer.Argument(help="The setpoint to write, in degC.")],
    target: Annotated[
        str, typer.Option(help="HOST:PORT of one unit or of its listener.")
    ] = "127.10.0.2:15017",
    source: Annotated[str, typer.Option(help="The client's own address.")] = lab.HMI_ADDRESS,
    as_json: Json = False,
) -> None:
    """Write one setpoint as the HMI does: read it, then code 16."""
    tally = _run(lab.write_setpoint_once(_endpoints(target)[0], degc, source))
    _show(tally.summary(), f"setpoint {degc:g} degC", as_json=as_json)


@app.command()
def historian(
    target: Target = UNITS_AT,
    source: Annotated[str, typer.Option(help="The historian's own address.")] = "127.20.0.5",
    listen: Annotated[
        str, typer.Option(help="HOST:PORT where it shows the last values.")
    ] = "127.20.0.5:8080",
) -> None:
    """Read every unit once a second until Ctrl-C, and show the last values to whoever asks by HTTP."""
    relay = lab.Historian(_endpoints(target), source)
    _run(_run_until_signal(lambda stop: relay.run(_endpoints(listen)[0], stop)))


@app.command("stand-in")
def stand_in(
    listen: Annotated[str, typer.Option(help="HOST:PORT; one [first-last] in either part or both.")],
) -> None:
    """Stand for services that are no matter here: take each connection, say so, and close."""
    _run(_run_until_signal(lambda stop: lab.stand_in(_endpoints(listen), stop)))


app.command("zones")(lab_zones.command)


async def _run_until_signal(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    await work(_stop_at_signal())


async def _run_plant(
    plant: lab.Plant, endpoints: list[lab.Endpoint], history: TextIO | None, *, is_polled: bool
) -> None:
    stop = _stop_at_signal()
    names = [endpoint.name for endpoint in endpoints]
    await plant.start()
    work: list[Coroutine[Any, Any, object]] = [
        plant.run(stop, lab.HistoryWriter(history, names) if history else None),
        _report_rooms(plant, stop),
    ]
    if is_polled:
        work.append(lab.Hmi(endpoints).run(stop))
    try:
        await asyncio.gather(*work)
    finally:
        await plant.stop()


async def _report_rooms(plant: lab.Plant, stop: asyncio.Event) -> None:
    """One line that follows the plant, where somebody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return
    with console.status("the plant starts") as status:
        while not stop.is_set():
            rooms = sorted(plant.rooms_degc())
            inside = sum(lab.COLDEST_DEGC <= degc <= lab.WARMEST_DEGC for degc in rooms)
            status.update(
                f"plant minute {plant.plant_minute:6.0f}   {inside} of {len(rooms)} rooms within 18-24 °C   "
                f"coldest {rooms[0]:.1f}, median {rooms[len(rooms) // 2]:.1f}, warmest {rooms[-1]:.1f} °C"
            )
            await asyncio.sleep(0.5)


async def _run_hmi(client: lab.Hmi, seconds: float) -> lab.HmiReport:
    stop = _stop_at_signal()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await client.run(stop)


def _stop_at_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _run(work: Coroutine[Any, Any, Answer]) -> Answer:
    lab.quiet_pymodbus()
    try:
        return asyncio.run(work)
    except (OSError, ValueError) as error:
        Console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(2 if isinstance(error, ValueError) else 3) from error


def _endpoints(text: str) -> list[lab.Endpoint]:
    try:
        return lab.parse_endpoints(text)
    except ValueError as error:
        Console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(2) from error


def _show(report: dict[str, Any], title: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
        return
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in report.items():
        table.add_row(name, _words(value))
    Console().print(table)


def _words(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    return (
        ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner not in ({}, 0)) or "-"
    )
