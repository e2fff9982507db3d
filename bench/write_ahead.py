"""Writes that wait for their record: on the real disk, and on a double whose sync costs a known time."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.measure import Effort, Load, Window, running, servers, window
from bench.processes import CANDIDATE_CPU, PROGRAMS, BenchError, start
from bench.site_file import Plan, write_site_file

if TYPE_CHECKING:
    from pathlib import Path

    from bench.processes import Child

CLIENTS = 64
SYNC_COSTS_MS = (2, 10)
# Called as `guard-on-double JSON` with the compiled document's path and the cost of a sync; it runs
# `guard::Guard` on the storage double until SIGTERM.
GUARD_ON_DOUBLE = PROGRAMS / "guard-on-double"
_SYNCS = 200


def measure_writes(folder: Path, effort: Effort) -> dict[str, Any]:
    """
    Let 64 clients write only, through a guard on each kind of storage.

    Raises:
        BenchError: the guard on the double is not built.
    """
    if not GUARD_ON_DOUBLE.exists():
        raise BenchError(f"{GUARD_ON_DOUBLE} is not there: cargo build --release -p guard-on-double")
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"sync_us": _sync_costs_us(folder), "windows": {}}
    guards = [known.journalling("real disk"), *map(_on_double, SYNC_COSTS_MS)]
    with servers(), running(guards, folder) as started:
        for each in started:
            load = Load(CLIENTS, writes_percent=100)
            others = [other for other in started if other is not each]
            windows: list[Window] = [window(each, load, effort, others) for _ in range(effort.rounds)]
            found["windows"][each.candidate.name] = windows
            print(f"writes: {each.candidate.name}: {_middle(windows)}", flush=True)
    return found


def _middle(windows: list[Window]) -> str:
    keys = ("throughput", "p50_us", "p99_us", "exceptions")
    return ", ".join(f"{key} {statistics.median(each[key] for each in windows):.0f}" for key in keys)


def _on_double(cost_ms: int) -> known.Candidate:
    def begin(place: known.Place) -> Child:
        site = write_site_file(place.folder, Plan(place.address, known.PORT, known.SERVER_PORT))
        compiled = place.folder / "compiled.json"
        command = [sys.executable, "-m", "modwarden.guard.compile_site", str(site)]
        compiled.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
        settings = json.dumps({"compiled": str(compiled), "sync_cost_ms": cost_ms})
        return start([GUARD_ON_DOUBLE, settings], CANDIDATE_CPU, place.folder / "log")

    return known.Candidate(f"sync of {cost_ms} ms", begin)


def _sync_costs_us(folder: Path) -> dict[str, float]:
    """What one append and sync costs on this disk, idle."""
    costs = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter_ns()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            costs.append((time.perf_counter_ns() - began) / 1e3)
    return {"p50": statistics.median(costs), "p99": sorted(costs)[int(len(costs) * 0.99)]}
