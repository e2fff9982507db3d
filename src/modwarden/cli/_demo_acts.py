"""One act of the demo: a fresh plant, its HMI, and the same attack each time."""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modwarden import lab
from modwarden.errors import ModwardenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modwarden.cli._demo_children import Child, Children

MINUTES_PER_SECOND = 6.0
ATTACK_AFTER_S, ACT_S = 4.0, 14.0  # 24 quiet plant minutes, then an hour to see what comes of it
START_TIMEOUT_S = 20.0


class PortTakenError(ModwardenError):
    """Something already listens where the demo has to."""

    exit_code = 3


@dataclass(frozen=True)
class Act:
    """What differs from act to act."""

    number: int
    target: str
    """Where the HMI and the attacker find the units: at their own addresses or at the guard's."""


@dataclass(frozen=True)
class Outcome:
    """What an act left: the rooms' truth, and what each client counted."""

    history: lab.History
    attack: dict[str, Any]
    hmi: dict[str, Any]

    @property
    def attack_minute(self) -> float:
        return self.history.minute_at(self.attack["began_unix_s"])

    def attacks(self, key: str) -> int:
        """Sum one count of the attacker over all its moves."""
        return sum(_number(move[key]) for move in self.attack["moves"].values())


def play(
    act: Act,
    units: int,
    rooms: Path,
    children: Children,
    watch: Callable[[lab.History], None],
    encore: Callable[[], None] = lambda: None,
) -> Outcome:
    """
    Play one act to its end.

    Args:
        act: which one.
        units: how many rooms.
        rooms: the file for their temperatures.
        children: where the act's processes belong.
        watch: called a few times a second with the rooms so far.
        encore: what happens while the HMI still polls, after the act's time is up.
    """
    plant = _start_plant(act, units, rooms, children)
    hmi = children.start(f"hmi-act-{act.number}", "lab", "hmi", "--target", act.target, "--json")
    _watch(rooms, ATTACK_AFTER_S, watch, plant, hmi)
    attacker = children.start(f"attack-act-{act.number}", "lab", "attack", "--target", act.target, "--json")
    _watch(rooms, ACT_S - ATTACK_AFTER_S, watch, plant, hmi)
    attack = children.wait(attacker, START_TIMEOUT_S)
    until = lab.load_history(rooms).plant_minutes[-1]
    encore()
    report = children.stop(hmi)
    children.stop(plant)
    return Outcome(lab.load_history(rooms).until(float(until)), attack.json(), report.json())


def require_free_ports(endpoints: list[lab.Endpoint]) -> None:
    """
    See that every address can be listened on, before anything is started.

    Raises:
        PortTakenError: names the first that cannot.
    """
    for endpoint in endpoints:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((endpoint.host, endpoint.port))
                probe.listen(1)
            except OSError as error:
                where = f"{endpoint.host}:{endpoint.port}"
                raise PortTakenError(f"{where}: {error.strerror}: {_hint(error)}") from error


def _hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "does another demo or `modwarden lab` still run? `ss -ltnp` names what listens there"
    return "the demo needs Linux, where all of 127.0.0.0/8 is this machine"


def _start_plant(act: Act, units: int, rooms: Path, children: Children) -> Child:
    speed = str(MINUTES_PER_SECOND)
    plant = children.start(
        f"plant-act-{act.number}",
        *("lab", "cleanroom", "--units", str(units), "--minutes-per-second", speed, "--history", str(rooms)),
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _has_begun(rooms):
        plant.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the plant did not start within {START_TIMEOUT_S:.0f} s")
        time.sleep(0.05)
    return plant


def _has_begun(rooms: Path) -> bool:
    return rooms.exists() and rooms.read_bytes().count(b"\n") > 1


def _watch(rooms: Path, seconds: float, watch: Callable[[lab.History], None], *children: Child) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        for child in children:
            child.check()
        watch(lab.load_history(rooms))
        time.sleep(min(0.3, left))


def _number(value: Any) -> int:
    return sum(value.values()) if isinstance(value, dict) else int(value)
