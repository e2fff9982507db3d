"""A day of ten million events, and how long it takes to find one client's hour with one server in it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.processes import CANDIDATE_CPU, LOAD_CPU, PROGRAMS

from modwarden.audit import Filter, JournalDirectory, query
from modwarden.guard import CompiledPolicy
from modwarden.lab import cleanroom_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVENTS = 10_000_000
LONG_RECORD = PROGRAMS / "long-record"
_BEGAN_S = 1_772_323_200  # 2026-03-01, midnight UTC
_HOUR_S = 3_600
_HOURS = (9, 10)
_CLIENT, _SERVER = "hmi-1", "ahu-017"
_TIMES = 7


def measure_queries(folder: Path, events: int = EVENTS, times: int = _TIMES) -> dict[str, Any]:
    """Let the journal's own writer record a day, then ask for an hour of it again and again."""
    began = time.monotonic()
    journal = _record(folder, events)
    files = [path.stat().st_size for path in journal.iterdir()]
    found: dict[str, Any] = {"events": events, "bytes": sum(files), "written_s": time.monotonic() - began}
    with _on_every_core():
        found["warm_s"] = _timed(lambda: _ask(journal), times)
        found["command_s"] = _timed(lambda: _run(journal), times)
    found["rows"] = _ask(journal)
    found["rows_of_the_command"] = len(_run(journal, "--json").splitlines())
    print(f"query: {found}", flush=True)
    return found


def _record(folder: Path, events: int) -> Path:
    site, document = folder / "site.yaml", folder / "policy.json"
    site.write_text(cleanroom_site())
    command = [sys.executable, "-m", "modwarden.guard.compile_site", str(site)]
    compiled = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    document.write_text(compiled["document"])
    settings = {
        "directory": str(folder / "journal"),
        "keys": str(folder / "keys"),
        "events": events,
        "began": _BEGAN_S * 10**9,
        "policy": CompiledPolicy(document.read_bytes()).digest,
        "document": str(document),
    }
    subprocess.run([LONG_RECORD, json.dumps(settings)], check=True)
    return folder / "journal"


@contextmanager
def _on_every_core() -> Iterator[None]:
    """Nothing else is measured meanwhile, and an auditor's machine is the auditor's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CPU, CANDIDATE_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _timed(ask: Callable[[], object], times: int) -> dict[str, Any]:
    """Give the median of some times, after one that warms up."""
    each = []
    for _ in range(1 + times):
        began = time.perf_counter()
        ask()
        each.append(time.perf_counter() - began)
    return {"first": each[0], "median": statistics.median(each[1:]), "each": each[1:]}


def _ask(journal: Path) -> int:
    first, last = (10**9 * (_BEGAN_S + hour * _HOUR_S) for hour in _HOURS)
    wanted = Filter(since_ns=first, until_ns=last, clients=(_CLIENT,), servers=(_SERVER,))
    return int(query(JournalDirectory(journal), wanted).num_rows)


def _run(journal: Path, *options: str) -> str:
    since, until = (f"2026-03-01T{hour:02}:00" for hour in _HOURS)
    command = [sys.executable, "-m", "modwarden.cli", "audit", "query", str(journal), *options]
    command += ["--client", _CLIENT, "--server", _SERVER, "--since", since, "--until", until]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
