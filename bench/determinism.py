"""Two hundred servers polled on a fixed schedule, while one thing after another disturbs the guard.

Latency counts from the time at which each poll was due, so a stall shows in all the polls it
delays. What counts is each phase beside the quiet one of the same candidate and round: a phase may
make polls later by as much again as a quiet guard does, and may lose none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.comparison import bad_requests
from bench.disturbances import DISTURBANCES, POLLERS, QUIET, Scene
from bench.measure import Window, attend, median, servers
from bench.processes import start_load
from bench.site_file import addresses
from bench.slow_disk import SlowDisk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVERS = 200
# Some SCADA polls once a second; the fastest here ten times. Together 1,100 requests a second.
HERTZ = [float(1 + number % 10) for number in range(SERVERS)]
RULES = 1000
# Two seals a second.
_SMALL_SEGMENT_BYTES = 192 << 10
# So little is kept that each seal makes retention remove a segment.
_KEEP = "keep: {size: 100KB}"
_MEDIANS = ("requests", "p50_us", "p99_us", "p999_us", "max_us")
_SUMS = ("lost", "exceptions", "strays", "broken")


@dataclass(frozen=True, slots=True)
class Wish:
    """How long, how often, and which phases; none named means all."""

    seconds: float
    rounds: int
    phases: tuple[str, ...] = ()

    def of(self, phases: Sequence[str]) -> tuple[str, ...]:
        """Give those phases of a candidate that are wanted."""
        return tuple(phase for phase in phases if not self.phases or phase in self.phases)


def measure_determinism(folder: Path, wish: Wish) -> dict[str, Any]:
    """Run the wanted phases on every candidate that has them, each beside a quiet one, round by round."""
    found: dict[str, Any] = {}
    disk = SlowDisk.in_folder(folder)
    with servers():
        for candidate, phases in _plan(disk):
            if wanted := wish.of(phases):
                place = known.Place(folder / candidate.name, "127.10.1.1", servers=SERVERS)
                running = known.launch(candidate, place)
                try:
                    scene = Scene(running, place, wish.seconds, disk)
                    found[candidate.name] = {phase: _rounds(scene, phase, wish.rounds) for phase in wanted}
                finally:
                    running.stop()
    return found


def _plan(disk: SlowDisk) -> list[tuple[known.Candidate, tuple[str, ...]]]:
    outside = (QUIET, "flood", "flood of refusals", "churn", "garbage")
    inside = ("reload", "audit query")
    small = ("--segment-bytes", str(_SMALL_SEGMENT_BYTES))
    return [
        (known.direct(), (QUIET,)),
        (known.haproxy(), (QUIET, "flood", "churn", "garbage")),
        (known.modwarden(rules=RULES), (*outside, *inside)),
        (known.modwarden("modwarden, small segments", *small, rules=RULES), ("rotation",)),
        (known.modwarden("modwarden, little kept", *small, rules=RULES, journal=(_KEEP,)), ("retention",)),
        (
            known.modwarden("modwarden, stalling disk", rules=RULES, environment=disk.environment),
            ("stalled sync",),
        ),
    ]


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
        return _phase(scene, phase)
    quiet = _phase(scene, QUIET)
    return {**_phase(scene, phase), "quiet_p999_us": quiet["p999_us"], "quiet_bad": bad_requests([quiet])}


def _phase(scene: Scene, phase: str) -> Window:
    disturb = DISTURBANCES[phase]
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


def _sealed(scene: Scene) -> set[str]:
    folder = scene.place.folder / "journal"
    return {path.name for path in folder.glob("*.parquet")} if folder.is_dir() else set()
