"""Two hundred servers polled on a fixed schedule, while one thing after another disturbs the guard.

Latency counts from the time at which each poll was due, so a stall shows in all the polls it
delays. What counts is each phase beside a quiet one of the same round: a phase may make polls
later by as much again as a quiet guard does, and may lose none. The quiet one is of the same
candidate, or, where what it does by itself is the disturbance, of a guard that does not.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.comparison import bad_requests
from bench.disturbances import DEMANDS, DISTURBANCES, POLLERS, QUIET, Scene
from bench.measure import Window, attend, median, servers
from bench.processes import start_load
from bench.site_file import addresses
from bench.slow_disk import SlowDisk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SERVERS = 200
# Some SCADA polls once a second; the fastest here ten times. Together 1,100 requests a second.
HERTZ = [float(1 + number % 10) for number in range(10)]
RULES = 1000
# Two hundred servers fill two a second, fewer as many.
_SMALL_SEGMENT_BYTES_A_SERVER = 983
# So little is kept that each seal makes retention remove a segment.
_KEPT_BYTES_A_SERVER = 500
# The record's own work has the lowest priority: on a busy machine it comes after the phase.
_MOST_WAITED_S = 30.0
_MEDIANS = ("requests", "p50_us", "p99_us", "p999_us", "max_us")
_SUMS = ("lost", "exceptions", "strays", "broken")


@dataclass(frozen=True, slots=True)
class Wish:
    """How long, how often, of how many servers, and which phases; none named means all."""

    seconds: float
    rounds: int
    phases: tuple[str, ...] = ()
    servers: int = SERVERS
    warm_up_s: float = 1.0
    beside: tuple[str, ...] = ("flood", "churn", "garbage")
    """What HAProxy has to stand too."""

    def of(self, phases: Sequence[str]) -> tuple[str, ...]:
        """Give those phases of a candidate that are wanted."""
        return tuple(phase for phase in phases if not self.phases or phase in self.phases)


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate, its phases, and whose quiet they are held against: its own where nobody is named."""

    candidate: known.Candidate
    phases: tuple[str, ...]
    quiet: known.Candidate | None = None


def measure_determinism(folder: Path, wish: Wish) -> dict[str, Any]:
    """Run the wanted phases on every candidate that has them, each beside a quiet one, round by round."""
    found: dict[str, Any] = {}
    disk = SlowDisk.in_folder(folder)
    with servers():
        for tried in plan(disk, wish):
            if wanted := wish.of(tried.phases):
                with ExitStack() as ending:
                    scene = _scene(tried, wish, folder, disk, ending)
                    found[tried.candidate.name] = {
                        phase: _rounds(scene, phase, wish.rounds) for phase in wanted
                    }
    return found


def plan(disk: SlowDisk, wish: Wish) -> list[Tried]:
    """Say who is disturbed how, and beside whose quiet."""
    outside = (QUIET, "flood", "flood of refusals", "churn", "garbage")
    inside = ("reload", "audit query")
    small = ("--segment-bytes", str(_SMALL_SEGMENT_BYTES_A_SERVER * wish.servers))
    keep = f"keep: {{size: {_KEPT_BYTES_A_SERVER * wish.servers}B}}"
    slow = disk.environment
    return [
        Tried(known.direct(), (QUIET,)),
        Tried(known.haproxy(), (QUIET, *wish.beside)),
        Tried(known.modwarden(rules=RULES), (*outside, *inside)),
        Tried(
            known.modwarden("modwarden, small segments", *small, rules=RULES),
            ("rotation",),
            known.modwarden("large segments beside small", rules=RULES),
        ),
        Tried(
            known.modwarden("modwarden, little kept", *small, rules=RULES, journal=(keep,)),
            ("retention",),
            known.modwarden("large segments beside little kept", rules=RULES),
        ),
        Tried(known.modwarden("modwarden, stalling disk", rules=RULES, environment=slow), ("stalled sync",)),
    ]


def _scene(tried: Tried, wish: Wish, folder: Path, disk: SlowDisk, ending: ExitStack) -> Scene:
    def launch(candidate: known.Candidate, address: str) -> known.Running:
        place = known.Place(folder / candidate.name, address, servers=wish.servers)
        running = known.launch(candidate, place)
        ending.callback(running.stop)
        return running

    running = launch(tried.candidate, "127.10.1.1")
    quiet = running if tried.quiet is None else launch(tried.quiet, "127.10.1.2")
    return Scene(running, quiet, wish.seconds, wish.warm_up_s, disk)


def _rounds(scene: Scene, phase: str, rounds: int) -> Window:
    """Give medians over the rounds, sums of what was lost, and each round's figures."""
    each = [_beside_quiet(scene, phase) for _ in range(rounds)]
    merged: Window = {key: median(each, key) for key in _MEDIANS}
    merged |= {key: sum(int(window[key]) for window in each) for key in _SUMS}
    if phase != QUIET:
        merged["quiet_p999_us"] = median(each, "quiet_p999_us")
        merged["quiet_bad"] = sum(int(window["quiet_bad"]) for window in each)
    return merged | {"rounds": each}


def _beside_quiet(scene: Scene, phase: str) -> Window:
    """Measure a phase and, right before it, a quiet one: a machine is not equally quiet at all times."""
    if phase == QUIET:
        return _phase(scene, scene.running, phase)
    quiet = _phase(scene, scene.quiet, QUIET)
    disturbed = _phase(scene, scene.running, phase)
    return {**disturbed, "quiet_p999_us": quiet["p999_us"], "quiet_bad": bad_requests([quiet])}


def _phase(scene: Scene, polled: known.Running, phase: str) -> Window:
    settings = {
        "asking": {
            "targets": polled.targets,
            "sources": list(POLLERS),
            "connections": len(polled.targets),
            "addresses": addresses(RULES),
        },
        "hertz": HERTZ,
        "warm_up_s": scene.warm_up_s,
        "seconds": scene.seconds,
    }
    before = polled.edges
    with start_load("paced", settings) as child, DISTURBANCES[phase](scene) as facts:
        report, _ = attend(child)
    report["disturbance"] = facts
    for after in _looks(polled):
        facts["sealed_rows"], facts["retired_rows"] = after.live - before.live, after.first - before.first
        if phase not in DEMANDS or DEMANDS[phase].is_met(facts):
            break
    print(f"{polled.candidate.name}: {phase}: {_line(report)}", flush=True)
    return report


def _looks(polled: known.Running) -> Iterator[known.Edges]:
    """Look at the record, now that the guard has done what the phase left to do, and again for a while."""
    deadline = time.monotonic() + _MOST_WAITED_S
    polled.settle()
    yield polled.edges
    while time.monotonic() < deadline:
        time.sleep(0.1)
        yield polled.edges


def _line(report: Window) -> str:
    keys = ("requests", "p50_us", "p99_us", "p999_us", "max_us", "lost", "exceptions", "broken")
    return ", ".join(f"{key} {report[key]:.0f}" for key in keys) + f"; {report['disturbance']}"
