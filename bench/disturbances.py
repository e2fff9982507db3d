"""What disturbs a guard while its servers are polled: from outside, by its operator, and by its own work."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.processes import CANDIDATE_CPU, PATIENCE_S, read_line, start_load
from bench.site_file import CLIENTS, REGISTERS

from modwarden.guard import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench import candidates as known
    from bench.slow_disk import SlowDisk

QUIET = "quiet"
CHURN_PER_SECOND = 5000.0
GARBAGE_PER_SECOND = 500.0
FLOOD_DEPTH = 16
# The pollers are the first nine clients; the tenth is the one that disturbs.
POLLERS, DISTURBER = CLIENTS[:9], CLIENTS[9]
_PERMITTED = 9 * REGISTERS
# A disk that stalls for a second in every four.
_STALL_S, _BETWEEN_STALLS_S = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A running candidate, how long each phase is, and the disk that can be made to stall."""

    running: known.Running
    place: known.Place
    seconds: float
    disk: SlowDisk

    @property
    def whole_s(self) -> float:
        """Longer than a phase with its warm-up."""
        return self.seconds + 2.0


@contextmanager
def _nothing(_: Scene) -> Iterator[dict[str, Any]]:
    yield {}


def _flood(scene: Scene) -> Any:
    """One client asks as fast as it is answered, many requests at a time."""
    return _asking(scene, _PERMITTED)


def _refused_flood(scene: Scene) -> Any:
    """As a flood, but nothing of it is permitted: this address belongs to another client."""
    return _asking(scene, 0)


@contextmanager
def _asking(scene: Scene, address: int) -> Iterator[dict[str, Any]]:
    asking = {
        "targets": scene.running.targets[:1],
        "sources": [DISTURBER],
        "connections": 1,
        "addresses": {"first": address, "per_source": 0, "step": 0, "count": 1},
    }
    settings = {"asking": asking, "depth": FLOOD_DEPTH, "warm_up_s": 0.1, "seconds": scene.whole_s}
    with _beside("closed", settings, ("begin", "end")) as facts:
        yield facts


def _churn(scene: Scene, says: str, per_second: float) -> Any:
    settings = {
        "target": scene.running.targets[0],
        "source": DISTURBER,
        "address": _PERMITTED,
        "per_second": per_second,
        "seconds": scene.whole_s,
        "says": says,
    }
    return _beside("churn", settings, ())


@contextmanager
def _beside(command: str, settings: dict[str, Any], marks: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    facts: dict[str, Any] = {}
    with start_load(command, settings) as child:
        try:
            yield facts
            for _ in marks:
                read_line(child, PATIENCE_S)
            facts.update(read_line(child, PATIENCE_S))
        finally:
            child.kill()


@contextmanager
def _repeating(what: Callable[[], object], pause_s: float) -> Iterator[dict[str, Any]]:
    """Do something again and again on a thread of the runner."""
    is_over, facts = threading.Event(), {"times": 0}

    def repeat() -> None:
        while not is_over.is_set():
            what()
            facts["times"] += 1
            is_over.wait(pause_s)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield facts
    finally:
        is_over.set()
        thread.join()


def _reload(scene: Scene) -> Any:
    """Reload a site file in which one rule's name has changed each time."""
    control = ControlClient(scene.place.folder / "state" / "control.sock")
    site = scene.place.folder / "site.yaml"
    original, numbers = site.read_text(), itertools.count()

    def reload() -> None:
        site.write_text(original.replace("rule-00007", f"rule-renamed-{next(numbers)}"))
        answer = control.reload()
        assert answer.is_in_force, answer.line

    return _repeating(reload, 1.0)


def _query(scene: Scene) -> Any:
    """
    Read the live journal on the guard's own core.

    The load's core stands for other machines, and a guard's host may have one core only.
    """
    command = ["taskset", "--cpu-list", str(CANDIDATE_CPU), sys.executable, "-m", "modwarden.cli"]
    query = [*command, "audit", "query", str(scene.place.folder / "journal"), "--client", "hmi-10", "--json"]
    return _repeating(lambda: subprocess.run(query, stdout=subprocess.DEVNULL, check=True), 1.0)


@contextmanager
def _stalls(scene: Scene) -> Iterator[dict[str, Any]]:
    """Hold every sync for a while, and let it go again."""
    pauses = threading.Event()

    def stall() -> None:
        scene.disk.stall()
        pauses.wait(_STALL_S)
        scene.disk.recover()

    with _repeating(stall, _BETWEEN_STALLS_S) as facts:
        yield facts


DISTURBANCES: dict[str, Callable[[Scene], AbstractContextManager[dict[str, Any]]]] = {
    QUIET: _nothing,
    "flood": _flood,
    "flood of refusals": _refused_flood,
    "churn": lambda scene: _churn(scene, "read", CHURN_PER_SECOND),
    "garbage": lambda scene: _churn(scene, "garbage", GARBAGE_PER_SECOND),
    "reload": _reload,
    "audit query": _query,
    "stalled sync": _stalls,
    # The guard's own small segments are the disturbance.
    "rotation": _nothing,
    "retention": _nothing,
}
