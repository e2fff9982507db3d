"""One measured window, rounds of windows in which candidates take turns, and ratios within a round."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.candidates import SERVER_PORT, Candidate, Place, Running, launch
from bench.processes import LOAD_CPU, PATIENCE_S, BenchError, busy_share, read_line, start_load
from bench.site_file import addresses, sources

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Window = dict[str, Any]
_Mark = tuple[float, float]
LONGEST_S = 120.0
# Above this the load side itself is the limit, and only CPU time per request says something.
SATURATED = 0.9


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of each candidate in one case."""

    connections: int
    writes_percent: int = 0
    depth: int = 1
    tls: dict[str, str] | None = None
    """How the load proves who it is; without it, Modbus in the clear."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 3.0
    warm_up_s: float = 0.5


@contextmanager
def servers() -> Iterator[None]:
    """Run the echo server on every address of 127/8."""
    server = start_load("serve", {"listen": [f"0.0.0.0:{SERVER_PORT}"]})
    try:
        read_line(server, PATIENCE_S)
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def running(candidates: Sequence[Candidate], folder: Path, count: int = 1) -> Iterator[list[Running]]:
    """Start every candidate, each on an address of its own."""
    with ExitStack() as ending:
        started = []
        for number, candidate in enumerate(candidates):
            place = Place(folder / candidate.name, f"127.10.1.{1 + number}", servers=count)
            started.append(launch(candidate, place))
            ending.callback(started[-1].stop)
        yield started


def window(candidate: Running, load: Load, effort: Effort, others: Sequence[Running] = ()) -> Window:
    """
    Measure one candidate once, as `windowed` does.

    Raises:
        BenchError: as there.
    """
    settings = {
        "asking": asking(candidate, load),
        "depth": load.depth,
        "warm_up_s": effort.warm_up_s,
        "seconds": effort.seconds,
    }
    return windowed(candidate, ("closed", settings), others)


def windowed(
    candidate: Running, wanted: tuple[str, dict[str, Any]], others: Sequence[Running] = ()
) -> Window:
    """
    Put one load on a candidate, and measure until it has done all that was left to do.

    Raises:
        BenchError: the load said nothing, or the candidate never came to rest.
    """
    sealed, began, beside = candidate.sealed, time.monotonic_ns(), _cpu_ns(others)
    cpu = [candidate.cpu_ns()]
    command, settings = wanted
    with start_load(command, settings, within=candidate.place.clients_within) as child:
        report, marks = attend(child)
    report["beside_share"] = (_cpu_ns(others) - beside) / (time.monotonic_ns() - began)
    cpu.append(candidate.cpu_ns())
    candidate.settle()
    cpu.append(candidate.cpu_ns())
    return report | _used(report, marks, cpu) | _seals(candidate, sealed)


def _used(report: Window, marks: list[_Mark], cpu: list[int]) -> Window:
    """
    CPU time per request: of the whole load, warm-up included, and of the sealing that it left to be done.

    Only so does each row's sealing meet the request that made it.
    """
    (busy_before, all_before), (busy_after, all_after) = marks
    (before, after, at_rest), sent = cpu, 1e3 * max(report["sent"], 1)
    return {
        "cpu_us": (at_rest - before) / sent,
        "left_us": (at_rest - after) / sent,
        "load_busy": (busy_after - busy_before) / max(all_after - all_before, 1),
    }


def _seals(candidate: Running, before: set[str]) -> Window:
    return {"seals": len(candidate.sealed - before)}


def _cpu_ns(candidates: Sequence[Running]) -> int:
    return sum(each.cpu_ns() for each in candidates)


def asking(candidate: Running, load: Load) -> dict[str, Any]:
    """Say who asks whom for what."""
    return {
        "targets": candidate.targets,
        "sources": list(sources(load.connections, candidate.place.clients)),
        "connections": load.connections,
        "writes_percent": load.writes_percent,
        "addresses": addresses(candidate.candidate.rules),
        **({} if load.tls is None else {"tls": load.tls}),
    }


def rounds(candidates: Sequence[Running], load: Load, effort: Effort) -> dict[str, list[Window]]:
    """Let the candidates take turns under one load."""
    return take_turns(candidates, effort, lambda each, others: window(each, load, effort, others))


def take_turns(
    candidates: Sequence[Running], effort: Effort, measured: Callable[[Running, Sequence[Running]], Window]
) -> dict[str, list[Window]]:
    """Let the candidates take turns, each round beginning with the next one."""
    windows: dict[str, list[Window]] = {each.candidate.name: [] for each in candidates}
    for number in range(effort.rounds):
        first = number % len(candidates)
        for each in [*candidates[first:], *candidates[:first]]:
            others = [other for other in candidates if other is not each]
            windows[each.candidate.name].append(measured(each, others))
    return windows


def ratios(windows: Sequence[Window], against: Sequence[Window], key: str) -> list[float]:
    """Median, least and greatest of the ratios within each round."""
    each = [mine[key] / theirs[key] for mine, theirs in zip(windows, against, strict=True) if theirs[key]]
    return [statistics.median(each), min(each), max(each)] if each else []


def differences(windows: Sequence[Window], against: Sequence[Window], key: str) -> list[float]:
    """Median, least and greatest of the differences within each round."""
    each = [mine[key] - theirs[key] for mine, theirs in zip(windows, against, strict=True)]
    return [statistics.median(each), min(each), max(each)]


def median(windows: Sequence[Window], key: str) -> float:
    """Give the median over the rounds."""
    return statistics.median(float(each[key]) for each in windows)


def attend(child: subprocess.Popen[bytes]) -> tuple[Window, list[_Mark]]:
    """
    Wait through one run of the load, and read how busy its core was where its measured time begins and ends.

    Raises:
        BenchError: the load said something else.
    """
    marks = []
    for word in ("begin", "end"):
        if (said := read_line(child, LONGEST_S)) != word:
            raise BenchError(f"the load said {said!r} instead of {word!r}")
        marks.append(busy_share(LOAD_CPU))
    report: Window = read_line(child, PATIENCE_S)
    return report, marks
