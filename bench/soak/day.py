"""What happens in a day: the same disturbances in each cycle, so that both halves can be compared."""

from __future__ import annotations

import itertools
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.processes import PATIENCE_S, read_line, start_load
from bench.soak.plant import children_of, wait_until
from bench.soak.site import ENGINEER_ADDRESS, FIRST_PORT, GUARD_ADDRESS

from modwarden.lab import ATTACKER_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.processes import Child
    from bench.soak.plant import Outage, Plant
    from bench.soak.samples import Sampler

QUIET = "quiet"
ENGINEERED_UNITS = 20
_RELOADS_A_SHIFT = 5
_CONTROL_CALLS = 25
_FLOOD_PER_SECOND, _PERMITTED_FLOOD_PER_SECOND = 3000.0, 200.0
_CHURN_PER_SECOND, _PERMITTED_CHURN_PER_SECOND, _GARBAGE_PER_SECOND = 400.0, 50.0, 100.0
_FIRST = f"{GUARD_ADDRESS}:{FIRST_PORT}"
_SETPOINT = 100


@dataclass
class Day:
    """What has happened so far."""

    plant: Plant
    sampler: Sampler
    tail: Child | None = None
    outages: list[Outage] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def count(self, what: str, times: int = 1) -> None:
        """Something was done."""
        self.counts[what] = self.counts.get(what, 0) + times

    def complain(self, what: str) -> None:
        """Something was not as it must be."""
        print(f"soak: {self.sampler.phase}: {what}", flush=True)
        self.problems.append(f"{self.sampler.phase}: {what}")


def live_through(day: Day, cycles: int, seconds: float) -> None:
    """Let one cycle after another pass, quiet at both ends of each."""
    whole = sum(weight for _, weight, _ in PHASES)
    for number in range(cycles):
        print(f"soak: cycle {number + 1} of {cycles}", flush=True)
        for name, weight, act in PHASES:
            day.sampler.phase = name
            until = time.monotonic() + seconds * weight / whole
            act(day, seconds * weight / whole)
            time.sleep(max(0.0, until - time.monotonic()))
    day.sampler.phase = QUIET


def _be_quiet(day: Day, seconds: float) -> None:
    del day
    time.sleep(seconds)


def _shift(day: Day, seconds: float) -> None:
    """Engineers write, the site file changes, and somebody keeps asking the control socket."""
    with _Engineers(day):
        for _ in range(_RELOADS_A_SHIFT):
            began = time.monotonic()
            _reload(day)
            for _ in range(_CONTROL_CALLS):
                day.plant.control.status()
                day.plant.control.sessions()
                day.plant.control.metrics()
            day.count("control calls", 3 * _CONTROL_CALLS)
            time.sleep(max(0.0, began + seconds / _RELOADS_A_SHIFT - time.monotonic()))


def _outage(day: Day, seconds: float) -> None:
    """The units of one group are gone for a while: their process is killed."""
    group = day.plant.groups[len(day.outages) % len(day.plant.groups)]
    day.outages.append(group.goes_down_for(seconds / 3))
    day.count("server outages")


def _audit(day: Day, seconds: float) -> None:
    """Query and verify beside the writer; the helpers crash."""
    until = time.monotonic() + seconds
    _crash_tail(day)
    _crash_compiler(day)
    # Once at least: on a busy machine the crashes take all the time there is.
    _read_record(day)
    while time.monotonic() < until:
        _read_record(day)


def _read_record(day: Day) -> None:
    journal = str(day.plant.journal)
    for command in (
        ("query", journal, "--client", "hmi-1", "--since", "1m", "--json"),
        ("verify", journal),
    ):
        done = day.plant.ask("audit", *command)
        day.count(f"audit {command[0]}")
        if done.returncode != 0:
            said = (done.stderr + done.stdout[-500:]).strip()
            day.complain(f"audit {command[0]} ended with {done.returncode}: {said}")


def _crash_tail(day: Day) -> None:
    """Kill the reader of the record, and start it again."""
    if day.tail is not None:
        day.tail.process.kill()
        day.tail.process.wait()
        day.count("helpers killed")
    day.tail = day.plant.run_beside("tail", "audit", "tail", str(day.plant.journal), "--json")


def _crash_compiler(day: Day) -> None:
    """Kill the process that compiles a new site file: the reload is refused, and the next one works."""
    guard = day.plant.guard
    assert guard is not None
    before = day.plant.control.status()["policy"]
    os.kill(guard.pid, signal.SIGHUP)
    wait_until(lambda: bool(_compilers(guard.pid)), "the site file is being compiled")
    for pid in _compilers(guard.pid):
        os.kill(pid, signal.SIGKILL)
        day.count("helpers killed")
    wait_until(lambda: not _compilers(guard.pid), "the compiler has ended")
    if day.plant.control.status()["policy"] != before:
        day.complain("a reload whose compiler was killed changed the policy")
    _reload(day)


def _compilers(pid: int) -> list[int]:
    return [child for child in children_of(pid) if "compile_site" in _command_of(child)]


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _stall(day: Day, seconds: float) -> None:
    """No sync returns for a while, and engineers write on."""
    failures = day.plant.control.status()["journal"]["failures"]
    with _Engineers(day):
        day.plant.disk.stall()
        try:
            time.sleep(seconds / 2)
        finally:
            day.plant.disk.recover()
        wait_until(lambda: bool(day.plant.control.status()["journal"]["up"]), "the journal is up again")
        day.count("disk stalls")
        failed = day.plant.control.status()["journal"]["failures"] - failures
        day.count("journal failures", failed)
        if failed == 0:
            day.complain("the disk stalled, and no sync of the journal failed")


def _churn(day: Day, seconds: float) -> None:
    """Connections that come and go: from a client that rules name, from one that none names, and garbage."""
    callers = (
        (ENGINEER_ADDRESS, _PERMITTED_CHURN_PER_SECOND, "read"),
        (ATTACKER_ADDRESS, _CHURN_PER_SECOND, "read"),
        (ATTACKER_ADDRESS, _GARBAGE_PER_SECOND, "garbage"),
    )
    with ExitStack() as ending:
        started = [
            ending.enter_context(
                start_load("churn", _churn_settings(source, per_second, says, seconds), cpu=None)
            )
            for source, per_second, says in callers
        ]
        for child in started:
            day.count("connections churned", read_line(child, seconds + PATIENCE_S)["connected"])


def _churn_settings(source: str, per_second: float, says: str, seconds: float) -> dict[str, Any]:
    where = {"target": _FIRST, "source": source, "address": _SETPOINT}
    return {**where, "per_second": per_second, "seconds": seconds, "says": says}


def _attack(day: Day, seconds: float) -> None:
    """The lab's attacker plays every move, while two clients flood."""
    floods = ((ATTACKER_ADDRESS, _FLOOD_PER_SECOND), (ENGINEER_ADDRESS, _PERMITTED_FLOOD_PER_SECOND))
    with ExitStack() as ending:
        started = [
            ending.enter_context(start_load("paced", _flood_settings(source, hertz, seconds), cpu=None))
            for source, hertz in floods
        ]
        done = day.plant.ask("lab", "attack", "--target", day.plant.site.target(), "--json")
        if done.returncode != 0:
            day.complain(f"the attacker's process ended with {done.returncode}: {done.stderr.strip()}")
        for child in started:
            for _ in ("begin", "end"):
                read_line(child, seconds + PATIENCE_S)
            day.count("requests flooded", read_line(child, PATIENCE_S)["sent"])


def _flood_settings(source: str, hertz: float, seconds: float) -> dict[str, Any]:
    addresses = {"first": _SETPOINT, "per_source": 0, "step": 0, "count": 1}
    asking = {"targets": [_FIRST], "sources": [source], "connections": 1, "addresses": addresses}
    return {"asking": asking, "hertz": [hertz], "warm_up_s": 0.1, "seconds": seconds}


def _reload(day: Day) -> None:
    day.plant.site.write(f"engineer-climate-{next(day.numbers)}")
    answer = day.plant.control.reload()
    day.count("reloads")
    if not answer.is_in_force:
        day.complain(f"reload: {answer.line}")


class _Engineers:
    """Engineers at work while it is entered; their report is the day's."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def __enter__(self) -> None:
        units = min(ENGINEERED_UNITS, self._day.plant.site.units)
        self._clients = self._day.plant.engineers(units, len(self._day.reports))

    def __exit__(self, *ending: object) -> None:
        self._day.reports.append(self._clients.report())


PHASES: tuple[tuple[str, float, Callable[[Day, float], None]], ...] = (
    (QUIET, 2.0, _be_quiet),
    ("shift", 5.0, _shift),
    ("server outage", 3.0, _outage),
    ("audit", 3.0, _audit),
    ("disk stalls", 2.0, _stall),
    ("churn", 2.0, _churn),
    ("attack", 2.0, _attack),
    (QUIET, 1.0, _be_quiet),
)
