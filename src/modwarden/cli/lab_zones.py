"""`modwarden lab zones`: four zones in network namespaces, with a router, a real guard and real servers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import TYPE_CHECKING, Annotated

import typer

from modwarden import lab
from modwarden.cli._printing import print_lines
from modwarden.guard import ControlClient, ControlError, choose_guard, state_directory
from modwarden.hardening import render_host
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from modwarden.model import Site

_COMMAND = (sys.executable, "-m", "modwarden.cli")
_TOOLS = ("ip", "nft", "sysctl")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|min|h)")
_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_READY_S = 60.0
_LOOK_S = 0.2
_PROGRAM = 0o755
_UNITS, _HISTORIAN = "10.11.0.[1-4]:502", "10.20.0.5"


def command(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder for site file, journal and logs."),
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="End by itself, such as after 60s or 10min.")
    ] = None,
    down: Annotated[
        bool, typer.Option("--down", help="Remove what a lab left that was killed, and do no more.")
    ] = False,
) -> None:
    """Stand up four zones in network namespaces until Ctrl-C: needs root, changes nothing outside of them."""
    _need_root_and_tools()
    if down:
        _take_down()
        return
    if output is None:
        raise typer.BadParameter("say where its files shall be: -o DIR")
    until = None if lasting is None else time.monotonic() + _seconds(lasting)
    folder = output.absolute()
    site = _site(folder)
    with _interrupts_at_signals():
        try:
            with lab.zones_lab(folder / "logs") as zones:
                _stand_up(zones, folder, site)
                print_lines(*_what_to_try(output))
                _stay(zones, until)
        except KeyboardInterrupt:
            pass
    print_lines(f"the lab is down; {output} keeps its journal and logs")


def _need_root_and_tools() -> None:
    if os.geteuid() != 0:
        raise OSError("network namespaces need root: run it with sudo, or as root in a container")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise OSError(f"not installed: {', '.join(missing)} (packages iproute2, nftables, procps)")


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time: write 60s, 10min or 1h", param_hint="--for")
    return float(found[1]) * _UNITS_S[found[2]]


def _take_down() -> None:
    removed = lab.take_down_zones()
    for name, inside in removed.items():
        still = f"; still in it, without a network: {', '.join(inside)}" if inside else ""
        print_lines(f"removed {name}{still}")
    if not removed:
        print_lines("nothing to remove")


def _site(folder: Path) -> Site:
    """Write the lab's site file where there is none yet: whoever changed it wants to see it tried."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    file = folder / "site.yaml"
    if file.exists():
        print_lines(f"{file} is there already, and taken as it is")
    else:
        file.write_text(lab.ZONES_SITE, encoding="utf-8")
    return load_site(file)


def _stand_up(zones: lab.ZonesLab, folder: Path, site: Site) -> None:
    lab.load_router_rules(folder / "router-1.nft")
    units = zones.start("units", lab.FIELD, *_COMMAND, "lab", "cleanroom", *_unit_words(folder))
    host = folder / "host"
    host.mkdir(exist_ok=True)
    for file in render_host(site, choose_guard(site, None)):
        (host / file.name).write_text(file.text, encoding="utf-8")
        (host / file.name).chmod(_PROGRAM if file.is_program else 0o644)
    lab.load_gate(host)
    guard = zones.start("guard", lab.GATE, *_COMMAND, "run", str(folder / "site.yaml"), "--only", "guard")
    listen = ("--target", _UNITS, "--source", _HISTORIAN, "--listen", f"{_HISTORIAN}:8080")
    historian = zones.start("historian", lab.DMZ, *_COMMAND, "lab", "historian", *listen)
    jump = zones.start("jump-host", lab.DMZ, *_COMMAND, "lab", "stand-in", "--listen", "10.20.0.6:22")
    hmi = zones.start("hmi", lab.CONTROL, *_COMMAND, "lab", "stand-in", "--listen", "10.10.0.5:3389")
    control = ControlClient(state_directory(folder / "site.yaml", None).socket)
    _wait(zones, guard, lambda: _answers(control))
    for started, ports in ((units, [502]), (historian, [8080]), (jump, [22]), (hmi, [3389])):
        _wait(zones, started, lambda: lab.is_serving(started.process.pid, ports))  # noqa: B023  (called at once)


def _unit_words(folder: Path) -> tuple[str, ...]:
    return ("--listen", _UNITS, "--units", "4", "--writes", str(folder / "writes.jsonl"))


def _answers(control: ControlClient) -> bool:
    try:
        control.status()
    except ControlError:
        return False
    return True


def _wait(zones: lab.ZonesLab, started: lab.Started, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not is_ready():
        if any(one is started for one in zones.ended()):
            raise OSError(f"the lab's {started.name} ended; {started.log} says why")
        if time.monotonic() > deadline:
            raise OSError(f"the lab's {started.name} is not ready after {_READY_S:g} s: see {started.log}")
        time.sleep(_LOOK_S)


def _stay(zones: lab.ZonesLab, until: float | None) -> None:
    while until is None or time.monotonic() < until:
        for one in zones.ended():
            print_lines(f"{one.name} has ended ({one.process.returncode}); {one.log} says why")
        time.sleep(_LOOK_S)


@contextmanager
def _interrupts_at_signals() -> Iterator[None]:
    """Whoever ends the lab otherwise than with Ctrl-C wants all of it down as well."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _what_to_try(output: Path) -> list[str]:
    enter = {zone: " ".join(space.command()) for zone, space in lab.ZONES.items()}
    site = output / "site.yaml"
    return [
        f"the lab stands: {site}, {output / 'router-1.nft'}, {output / 'host'}, logs in {output / 'logs'}",
        "enter a zone, or a host between zones, with a command behind:",
        *(f"  {words}" for words in enter.values()),
        "try:",
        f"  modwarden check {site} --proof",
        f"  {enter['control']} modwarden lab setpoint 21.5 --target 10.11.0.1:502 --source 10.10.0.5",
        f"  {enter['control']} modwarden lab setpoint 21.5 --target 10.11.0.1:502 --source 10.10.0.6",
        f"  {enter['enterprise']} curl -s http://10.20.0.5:8080/",
        f"  modwarden audit tail {output / 'journal'}",
        f"  modwarden top {site}",
        f"what reaches the units stands in {output / 'writes.jsonl'}; Ctrl-C ends the lab",
    ]
