"""Measure Modwarden beside others in one run: `python -m bench`; see bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import comparison
from bench.determinism import Wish, measure_determinism
from bench.document import write_document
from bench.insertions import LOADS, measure_insertions
from bench.machine import describe
from bench.measure import Effort, Load
from bench.memory import WANTED, measure_memory
from bench.processes import LOAD_CPU, ROOT, raise_file_limit
from bench.queries import EVENTS, measure_queries
from bench.secured import CONNECTIONS, measure_tls
from bench.starting import SEGMENTS_OF_100_GB, measure_starts
from bench.tunnels import measure_tunnels
from bench.write_ahead import measure_writes

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = ("direct", "relay", "haproxy", "modwarden", "modwarden-no-journal", "modbus-proxy", "pymodbus")
RESULTS = ROOT / "bench" / "results"
FULL = Effort()
QUICK = Effort(rounds=1, seconds=0.5, warm_up_s=0.2)
# Ten thousand rules take long to compile.
QUICK_RULES = (10, 1_000)
Part = dict[str, Any]


def main() -> None:
    """Run the parts that are asked for, and keep each one's result."""
    wanted = _arguments()
    raise_file_limit(65536)
    os.sched_setaffinity(0, {LOAD_CPU})
    effort = QUICK if wanted.quick else FULL
    effort = Effort(wanted.rounds or effort.rounds, wanted.seconds or effort.seconds, effort.warm_up_s)
    # Candidates run in folders of their own.
    wanted.results = wanted.results.resolve()
    wanted.results.mkdir(parents=True, exist_ok=True)
    for name in PARTS if wanted.parts == "all" else wanted.parts.split(","):
        # Beside the results, not in memory: the journal is to meet a real disk.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=wanted.results) as folder:
            found = PARTS[name](Path(folder), effort, wanted)
        result = {"part": name, "at": time.time(), "machine": describe(), "found": found}
        result["remark"] = wanted.remark
        (wanted.results / f"{name}.json").write_text(json.dumps(result, indent=1))
    if wanted.docs is not None:
        print(write_document(wanted.results, wanted.docs))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--parts", default="reads", help=f"all, or some of {','.join(PARTS)}")
    parser.add_argument("--candidates", default=",".join(ALL))
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--phases", help="of determinism: only some, such as quiet,reload,churn")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument(
        "--quick", action="store_true", help="one round of short windows: does it work at all?"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where each part's result is kept")
    parser.add_argument("--remark", help="what a reader has to know of this run; kept with its results")
    parser.add_argument("--docs", type=Path, help="write benchmarks.md and its plots here, from all results")
    return parser.parse_args()


def _reads(folder: Path, effort: Effort, wanted: argparse.Namespace) -> Any:
    loads = [Load(int(count)) for count in wanted.connections.split(",")]
    return comparison.compare(wanted.candidates.split(","), loads, folder, effort)


def _mixed(folder: Path, effort: Effort, wanted: argparse.Namespace) -> Any:
    loads = comparison.MIXED[:1] if wanted.quick else comparison.MIXED
    return comparison.compare(("relay", "haproxy", "modwarden"), loads, folder, effort)


def _starts(folder: Path, _: Effort, wanted: argparse.Namespace) -> Any:
    if wanted.quick:
        return measure_starts(folder, (0, 20), starts=1)
    return measure_starts(folder, (0, 100, 1_000, SEGMENTS_OF_100_GB))


def _determinism(folder: Path, _: Effort, wanted: argparse.Namespace) -> Any:
    phases = tuple(wanted.phases.split(",")) if wanted.phases else ()
    # 6,600 polls a window: p99.9 is the seventh of the latest.
    wish = Wish(6.0, 3, phases)
    if wanted.quick:
        wish = Wish(0.4, 1, phases, servers=20, warm_up_s=0.2, beside=("churn",))
    return measure_determinism(
        folder, replace(wish, seconds=wanted.seconds or wish.seconds, rounds=wanted.rounds or wish.rounds)
    )


PARTS: dict[str, Callable[[Path, Effort, argparse.Namespace], Any]] = {
    "reads": _reads,
    "mixed": _mixed,
    "rules": lambda folder, effort, wanted: comparison.compare_rules(
        folder, effort, QUICK_RULES if wanted.quick else comparison.RULES
    ),
    "writes": lambda folder, effort, _: measure_writes(folder, effort),
    "memory": lambda folder, _, wanted: (
        measure_memory(folder, 500, settle_s=0.3) if wanted.quick else measure_memory(folder, WANTED)
    ),
    "starts": _starts,
    "determinism": _determinism,
    "transparent": lambda folder, effort, wanted: measure_insertions(
        folder, effort, LOADS[1:2] if wanted.quick else LOADS
    ),
    "tunnels": lambda folder, _, wanted: (
        measure_tunnels(folder, turns=2, block=20)
        if wanted.quick
        else measure_tunnels(folder, turns=24, block=250)
    ),
    "tls": lambda folder, effort, wanted: measure_tls(
        folder, effort, CONNECTIONS[:1] if wanted.quick else CONNECTIONS
    ),
    "query": lambda folder, _, wanted: (
        measure_queries(folder, 20_000, times=1) if wanted.quick else measure_queries(folder, EVENTS)
    ),
}

if __name__ == "__main__":
    main()
