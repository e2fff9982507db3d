"""What disturbs a guard while its servers are polled: from outside, by its operator, and by its own work."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.processes import CANDIDATE_CPU, PATIENCE_S, BenchError, read_line, start_load
from bench.repeating import Repeating
from bench.site_file import CLIENTS, REGISTERS

from modwarden.guard import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    """A running candidate, the one whose quiet it is held against, how long each phase is, and the disk."""

    running: known.Running
    quiet: known.Running
    seconds: float
    warm_up_s: float
    disk: SlowDisk

    @property
    def whole_s(self) -> float:
        """Longer than a phase with its warm-up."""
        return self.seconds + 2 * self.warm_up_s


@dataclass(frozen=True, slots=True)
class Demand:
    """The fact without which a disturbance did not take place, or not in full."""

    key: str
    least: float
    words: str

    def told(self, facts: Mapping[str, Any]) -> str:
        """Say how much of it there was."""
        return f"{facts.get(self.key, 0):,.0f} {self.words}"

    def is_met(self, facts: Mapping[str, Any]) -> bool:
        """Whether there was enough of it."""
        return bool(facts.get(self.key, 0) >= self.least)


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
    """Do something again and again on a thread of the runner; where it fails, the measurement does."""
    facts: dict[str, Any] = {}
    with Repeating(what, pause_s) as repeated:
        yield facts
    facts["times"] = repeated.times


def _reload(scene: Scene) -> Any:
    """Reload a site file in which one rule's name has changed each time."""
    control, site = _control(scene), scene.running.place.folder / "site.yaml"
    original, numbers = site.read_text(), itertools.count()

    def reload() -> None:
        site.write_text(original.replace("rule-00007", f"rule-renamed-{next(numbers)}"))
        if not (answer := control.reload()).is_in_force:
            raise BenchError(f"a reload was refused: {answer.line}")

    return _repeating(reload, 1.0)


def _query(scene: Scene) -> Any:
    """
    Read the live journal on the guard's own core.

    The load's core stands for other machines, and a guard's host may have one core only.
    """
    command = ["taskset", "--cpu-list", str(CANDIDATE_CPU), sys.executable, "-m", "modwarden.cli"]
    journal = scene.running.place.folder / "journal"
    query = [*command, "audit", "query", str(journal), "--client", "hmi-10", "--json"]
    return _repeating(lambda: subprocess.run(query, stdout=subprocess.DEVNULL, check=True), 1.0)


@contextmanager
def _stalls(scene: Scene) -> Iterator[dict[str, Any]]:
    """Hold every sync for a while, and let it go again."""
    journal = _journal_of(scene)

    def stall() -> None:
        scene.disk.stall()
        time.sleep(_STALL_S)
        scene.disk.recover()

    try:
        with _repeating(stall, _BETWEEN_STALLS_S) as facts:
            yield facts
    finally:
        scene.disk.recover()
    # What the stalls did shows in the guard's own count, not in how often they were asked for.
    facts["failures"] = _recovered(scene)["failures"] - journal["failures"]


def _recovered(scene: Scene) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while not (journal := _journal_of(scene))["up"]:
        if time.monotonic() > deadline:
            raise BenchError("the journal does not come up again after its disk stalled")
        time.sleep(0.05)
    return journal


def _journal_of(scene: Scene) -> dict[str, Any]:
    journal: dict[str, Any] = _control(scene).status()["journal"]
    return journal


def _control(scene: Scene) -> ControlClient:
    return ControlClient(scene.running.place.folder / "state" / "control.sock")


DISTURBANCES: dict[str, Callable[[Scene], AbstractContextManager[dict[str, Any]]]] = {
    QUIET: _nothing,
    "flood": _flood,
    "flood of refusals": _refused_flood,
    "churn": lambda scene: _churn(scene, "read", CHURN_PER_SECOND),
    "garbage": lambda scene: _churn(scene, "garbage", GARBAGE_PER_SECOND),
    "reload": _reload,
    "audit query": _query,
    "stalled sync": _stalls,
    # The guard's own small segments are the disturbance; the quiet is that of a guard with large ones.
    "rotation": _nothing,
    "retention": _nothing,
}
# A little less than is aimed at: the first and the last of a second may fall outside.
_NEARLY = 0.95
DEMANDS: dict[str, Demand] = {
    "flood": Demand("throughput", 1, "requests a second"),
    "flood of refusals": Demand("exceptions", 1, "refusals"),
    "churn": Demand("per_second", _NEARLY * CHURN_PER_SECOND, "connections a second"),
    "garbage": Demand("per_second", _NEARLY * GARBAGE_PER_SECOND, "connections a second"),
    "reload": Demand("times", 1, "reloads in force"),
    "audit query": Demand("times", 1, "queries"),
    "stalled sync": Demand("failures", 1, "syncs given up"),
    "rotation": Demand("sealed_rows", 1, "rows sealed"),
    "retention": Demand("retired_rows", 1, "rows retired"),
}
