"""Run the soak: `python -m bench.soak`; see bench/README.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import describe
from bench.processes import ROOT, raise_file_limit
from bench.slow_disk import SlowDisk
from bench.soak.day import Day, live_through
from bench.soak.judge import Check, judge
from bench.soak.page import draw, write_page
from bench.soak.plant import Plant, wait_until
from bench.soak.recorded import RecordedWrites
from bench.soak.samples import Sampler, sealed_in
from bench.soak.site import SoakSite

if TYPE_CHECKING:
    from collections.abc import Sequence

# A cycle takes at most three minutes; each one brings everything.
_CYCLE_S = 180.0
RESULTS = ROOT / "target" / "soak"


def main() -> int:
    """Live through the day; 1 where something did not hold."""
    wanted = _arguments()
    raise_file_limit(65536)
    wanted.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="day-", dir=wanted.results.resolve()) as folder:
        result = _soak(Path(folder), wanted.units, wanted.minutes * 60)
    (wanted.results / "soak.json").write_text(json.dumps(result, indent=1))
    draw(result["samples"], wanted.results / "soak.svg")
    for check in result["checks"]:
        print(f"{check['is_held']!s:6}{check['what']}: {check['measured']} (bound: {check['bound']})")
    if wanted.docs is not None:
        write_page(result, wanted.docs)
    return int(any(check["is_held"] is False for check in result["checks"]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="where samples, checks and plot are kept"
    )
    parser.add_argument("--docs", type=Path, help="put plot and table into the documentation here")
    return parser.parse_args()


def _soak(folder: Path, units: int, seconds: float) -> dict[str, Any]:
    cycles = max(1, round(seconds / _CYCLE_S))
    plant = Plant(folder, SoakSite(folder / "site.yaml", units), SlowDisk.in_folder(folder))
    try:
        plant.start()
        day, recorded = _live(plant, cycles, seconds)
        checks = [*judge(day, recorded, cycles), _ended_well(plant)]
        return _result(day, checks, seconds) | {"cycles": cycles, "units": units}
    finally:
        plant.disk.recover()
        plant.end()


def _live(plant: Plant, cycles: int, seconds: float) -> tuple[Day, RecordedWrites]:
    with ExitStack() as ending:
        # Some 400 looks a run, and never more than one a second.
        sampler = ending.enter_context(Sampler(plant, max(1.0, seconds / 400)))
        recorded = ending.enter_context(RecordedWrites(plant, min(20.0, seconds / 5)))
        hmi = plant.hmi()
        # The day begins when every unit is polled, so that its quiet ends can be compared.
        wait_until(lambda: plant.control.status()["sessions"] >= plant.site.units, "every unit is polled")
        day = Day(plant, sampler)
        live_through(day, cycles, seconds / cycles)
        day.reports.append(hmi.report())
    assert plant.guard is not None
    plant.guard.stop()
    recorded.demand_last()
    kept = sealed_in(plant.journal)
    day.count("segments sealed", len(sampler.sealed | kept))
    day.count("segments retired", len(sampler.sealed - kept))
    return day, recorded


def _ended_well(plant: Plant) -> Check:
    assert plant.guard is not None
    code, log = plant.guard.process.returncode, plant.guard.log.read_text()
    traces = log.count("Traceback") + log.count("panicked")
    return Check(
        "the guard's end", "exit 0, no panic", f"exit {code}, {traces} panics", (code, traces) == (0, 0)
    )


def _result(day: Day, checks: Sequence[Check], seconds: float) -> dict[str, Any]:
    machine = describe()
    return {
        "at": time.time(),
        "seconds": seconds,
        "machine": f"{machine['processor']}, {machine['cores'].split()[0]} cores shared with other work",
        "checks": [asdict(check) for check in checks],
        "counts": day.counts,
        "reports": day.reports,
        "outages": [asdict(outage) for outage in day.outages],
        "samples": day.sampler.as_rows(),
    }


if __name__ == "__main__":
    sys.exit(main())
