"""Two hundred servers polled on a fixed schedule, while one thing after another disturbs the guard.

Latency counts from the time at which each poll was due, so a stall shows in all the polls it
delays. What counts is each phase beside the quiet one of the same candidate: a phase may make
polls later by as much again as a quiet guard does, and may lose none.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.comparison import bad_requests
from bench.measure import Window, attend, servers
from bench.processes import CANDIDATE_CPU, PATIENCE_S, read_line, start_load
from bench.site_file import CLIENTS, REGISTERS, addresses

from modwarden.guard import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUIET = "quiet"
SERVERS = 200
# Some SCADA polls once a second; the fastest here ten times. Together 1,100 requests a second.
HERTZ = [float(1 + number % 10) for number in range(SERVERS)]
RULES = 1000
CHURN_PER_SECOND = 5000.0
GARBAGE_PER_SECOND = 500.0
FLOOD_DEPTH = 16
# The pollers are the first nine clients; the tenth is the one that disturbs.
POLLERS, DISTURBER = CLIENTS[:9], CLIENTS[9]
_PERMITTED = 9 * REGISTERS
# Two seals a second.
_SMALL_SEGMENT_BYTES = 192 << 10
# So little is kept that each seal makes retention remove a segment.
_KEEP = "keep: {size: 300KB}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A running candidate and how long each phase is."""

    running: known.Running
    place: known.Place
    seconds: float

    @property
    def whole_s(self) -> float:
        """Longer than a phase with its warm-up."""
        return self.seconds + 2.0


def measure_determinism(folder: Path, seconds: float) -> dict[str, Any]:
    """Run every phase on every candidate it makes sense for."""
    found: dict[str, Any] = {}
    with servers():
        for candidate, phases in _plan():
            place = known.Place(folder / candidate.name, "127.10.1.1", servers=SERVERS)
            running = known.launch(candidate, place)
            try:
                scene = Scene(running, place, seconds)
                found[candidate.name] = {phase: _beside_quiet(scene, phase) for phase in phases}
            finally:
                running.stop()
    return found


def _plan() -> list[tuple[known.Candidate, tuple[str, ...]]]:
    outside = (QUIET, "flood", "flood of refusals", "churn", "garbage")
    inside = ("reload", "audit query")
    sealing = known.modwarden(
        "modwarden, small segments", "--segment-bytes", str(_SMALL_SEGMENT_BYTES), rules=RULES
    )
    keeping = known.modwarden(
        "modwarden, little kept", "--segment-bytes", str(_SMALL_SEGMENT_BYTES), rules=RULES, journal=(_KEEP,)
    )
    return [
        (known.direct(), (QUIET,)),
        (known.haproxy(), (QUIET, "flood", "churn", "garbage")),
        (known.modwarden(rules=RULES), (*outside, *inside)),
        (sealing, ("rotation",)),
        (keeping, ("retention",)),
    ]


def _beside_quiet(scene: Scene, phase: str) -> Window:
    """Measure a phase and, right before it, a quiet one: a machine is not equally quiet at all times."""
    if phase == QUIET:
        return _phase(scene, phase)
    quiet = _phase(scene, QUIET)
    return {**_phase(scene, phase), "quiet_p999_us": quiet["p999_us"], "quiet_bad": bad_requests([quiet])}


def _phase(scene: Scene, phase: str) -> Window:
    disturb = _DISTURBANCES[phase]
    settings = {
        "asking": {
            "targets": scene.running.targets,
            "sources": list(POLLERS),
            "connections": SERVERS,
            "addresses": addresses(RULES),
        },
        "hertz": HERTZ,
        "warm_up_s": 1.0,
        "seconds": scene.seconds,
    }
    before = _sealed(scene)
    with start_load("paced", settings) as child, disturb(scene) as facts:
        report, _ = attend(child, scene.running)
    after = _sealed(scene)
    report["disturbance"] = {**facts, "sealed": len(after - before), "removed": len(before - after)}
    print(f"{scene.running.candidate.name}: {phase}: {_line(report)}", flush=True)
    return report


def _line(report: Window) -> str:
    keys = ("requests", "p50_us", "p99_us", "p999_us", "max_us", "lost", "exceptions", "broken")
    return ", ".join(f"{key} {report[key]:.0f}" for key in keys) + f"; {report['disturbance']}"


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
    """Read the live journal on the guard's own core: both are on one host."""
    command = ["taskset", "--cpu-list", str(CANDIDATE_CPU), sys.executable, "-m", "modwarden.cli"]
    query = [*command, "audit", "query", str(scene.place.folder / "journal"), "--client", "hmi-10", "--json"]
    return _repeating(lambda: subprocess.run(query, stdout=subprocess.DEVNULL, check=True), 1.0)


def _sealed(scene: Scene) -> set[str]:
    folder = scene.place.folder / "journal"
    return {path.name for path in folder.glob("*.parquet")} if folder.is_dir() else set()


_DISTURBANCES: dict[str, Callable[[Scene], AbstractContextManager[dict[str, Any]]]] = {
    QUIET: _nothing,
    "flood": _flood,
    "flood of refusals": _refused_flood,
    "churn": lambda scene: _churn(scene, "read", CHURN_PER_SECOND),
    "garbage": lambda scene: _churn(scene, "garbage", GARBAGE_PER_SECOND),
    "reload": _reload,
    "audit query": _query,
    # The guard's own small segments are the disturbance.
    "rotation": _nothing,
    "retention": _nothing,
}
