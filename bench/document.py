"""Writes docs/benchmarks.md and its plots from the results; no figure in there is written by hand."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from bench.comparison import bad_requests, title
from bench.figures import draw_cpu, draw_determinism, draw_latency
from bench.measure import median
from bench.reached import lines
from bench.secured_page import tls_section
from bench.tunnels_page import tunnels_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.measure import Window

_PARTS = (
    "reads",
    "mixed",
    "rules",
    "writes",
    "memory",
    "starts",
    "determinism",
    "transparent",
    "tunnels",
    "query",
    "tls",
)
_VERDICT = {True: "yes", False: "**no**", None: "–"}
_HEAD = """\
# Benchmarks

Written by `make bench` from its own results. How it measures, and how to run parts of it, stands in
[bench/README.md](../bench/README.md).
"""
_METHOD = """\
The load, the servers and the runner share one core. The candidates share the other one, each with all its
threads: for the guard that is Python, the data loop, the journal and the sealing. They take turns in each
round, and nobody's turn begins before the one before has done all that was left to do; those that wait use
next to nothing, as told below. A figure with × is the median of the ratios within the rounds, with the least
and the greatest. CPU time is the kernel's count for the candidate's process under the load and after it,
until the guard has sealed what was left to seal, shared among all the requests whose rows that were. `load
busy` is the load's core: above 90 % it was the limit, and requests per second say nothing about the
candidate. `seals` are the segments that a window sealed, least to most of the rounds.
"""
_STEADINESS = """\
## Steadiness

Two hundred servers, polled 1 to 10 times a second on a fixed schedule. Latency counts from the time at which
a poll was due, so a stall shows in every poll it delays. Each phase is measured right after a quiet one, in
each round, of the same guard; rotation and retention, which a guard with small segments does all the time,
after that of a guard with large ones. Figures are medians of the rounds, `longest` too, and `lost` is their
sum. The table of goals says what was done in the round that did least of it.

![p99.9 by phase](benchmarks-determinism.svg)

| | phase | polls | p50 µs | p99 µs | p99.9 µs | longest µs | p99.9 µs, quiet just before | lost |
|---|---|--:|--:|--:|--:|--:|--:|--:|"""
_INSERTIONS = """\
## Transparent insertion

The guard with 1,000 rules on two hosts that are cabled alike, in network namespaces: on one clients connect
to the guard, on the other to the server, and the kernel diverts them. They take turns as above. What the
kernel does for a packet on its way into the host is charged to whoever sent it, so that some of the cost of
diverting stands in the load's core, and in requests per second, rather than in the guard's time.
"""
_STARTS = """\
## Start with an old journal

| sealed segments | MB | seconds to the first forwarded request |
|--:|--:|---|"""


def write_document(results: Path, docs: Path) -> Path:
    """Write the page from every part's result that is there."""
    parts = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    found = {name: part["found"] for name, part in parts.items()}
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / "benchmarks.md"
    page.write_text("\n".join(_page(parts, found, docs)))
    return page


def _page(parts: dict[str, Any], found: dict[str, Any], docs: Path) -> Iterator[str]:
    yield _HEAD
    yield from _machine(parts)
    yield from _remarks(parts)
    yield from _unmeasured(parts)
    yield from _goals(found)
    if "reads" in found:
        yield from _comparison(found, docs)
    if "tls" in found:
        yield from tls_section(found["tls"])
    if "determinism" in found:
        yield from _determinism(found["determinism"], docs)
    if "transparent" in found:
        yield from _insertions(found["transparent"])
    if "tunnels" in found:
        yield from tunnels_section(found["tunnels"])
    if "starts" in found:
        yield from _starts(found["starts"])


def _machine(parts: dict[str, Any]) -> Iterator[str]:
    newest = max(parts.values(), key=lambda part: float(part["at"]))
    yield "## The machine\n\n| | |\n|---|---|"
    yield f"| measured | {time.strftime('%Y-%m-%d', time.gmtime(newest['at']))} |"
    for name, value in newest["machine"].items():
        yield f"| {name} | {value} |"
    yield ""


def _remarks(parts: dict[str, Any]) -> Iterator[str]:
    """Tell what a reader has to know of single parts: each result keeps the words of whoever ran it."""
    told = [f"- {name}: {part['remark']}" for name, part in parts.items() if part.get("remark")]
    if told:
        yield "\n".join(["Of single parts:\n", *told, ""])


def _unmeasured(parts: dict[str, Any]) -> Iterator[str]:
    missing = [part for part in _PARTS if part not in parts]
    if missing:
        yield f"Not measured in this run: {', '.join(missing)}.\n"


def _goals(found: dict[str, Any]) -> Iterator[str]:
    yield "## What it must reach\n\n| what | goal | measured | reached |\n|---|---|---|---|"
    for line in lines(found):
        yield f"| {line.what} | {line.goal} | {line.measured} | {_VERDICT[line.is_reached]} |"
    yield ""


def _comparison(found: dict[str, Any], docs: Path) -> Iterator[str]:
    yield f"## Beside others\n\n{_METHOD}"
    draw_cpu(found["reads"], docs / "benchmarks-cpu.svg")
    draw_latency(found["reads"], docs / "benchmarks-latency.svg")
    yield "![CPU time per request](benchmarks-cpu.svg)\n\n![Latency](benchmarks-latency.svg)\n"
    cases = [*found["reads"], *found.get("mixed", []), *found.get("rules", [])]
    beside = max(window["beside_share"] for window in _windows(cases))
    yield f"Whoever waited beside a window used at most {beside:.1%} of the core, all of them together.\n"
    for case in cases:
        yield from _case(case)


def _insertions(found: dict[str, Any]) -> Iterator[str]:
    yield _INSERTIONS
    if found["missing"]:
        yield f"Not measured on this machine: {found['missing']}.\n"
    for case in found["cases"]:
        yield from _case(case)


def _windows(cases: Sequence[dict[str, Any]]) -> Iterator[Window]:
    for case in cases:
        for windows in case["windows"].values():
            yield from windows


def _case(case: dict[str, Any]) -> Iterator[str]:
    yield f"### {title(case)}\n"
    yield "| | requests/s | p50 µs | p99 µs | p99.9 µs | CPU µs per request | load busy | lost | seals |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for name, windows in case["windows"].items():
        latencies = " | ".join(f"{median(windows, key):,.0f}" for key in ("p50_us", "p99_us", "p999_us"))
        rate, cpu = f"{median(windows, 'throughput'):,.0f}", f"{median(windows, 'cpu_us'):.1f}"
        busy = f"{median(windows, 'load_busy'):.0%}"
        counts = f"{bad_requests(windows)} | {_seals(name, windows)}"
        yield f"| {name} | {rate} | {latencies} | {cpu} | {busy} | {counts} |"
    yield ""


def _seals(name: str, windows: Sequence[Window]) -> str:
    """Say how many; who keeps no record has none to seal."""
    each = [int(window["seals"]) for window in windows]
    keeps_record = name in {"modwarden", "proxy", "transparent"} or name.startswith("rules-")
    return f"{min(each)}–{max(each)}" if keeps_record else ""


def _determinism(found: dict[str, Any], docs: Path) -> Iterator[str]:
    draw_determinism(found, docs / "benchmarks-determinism.svg")
    yield _STEADINESS
    for name, phases in found.items():
        for phase, report in phases.items():
            latencies = " | ".join(f"{report[key]:,.0f}" for key in ("p50_us", "p99_us", "p999_us", "max_us"))
            bad = bad_requests([report])
            quiet = f"{report['quiet_p999_us']:,.0f}" if "quiet_p999_us" in report else ""
            yield f"| {name} | {phase} | {report['requests']:,} | {latencies} | {quiet} | {bad} |"
    yield ""


def _starts(found: list[dict[str, Any]]) -> Iterator[str]:
    yield _STARTS
    for step in found:
        seconds = ", ".join(f"{each:.2f}" for each in step["seconds"])
        yield f"| {step['segments']:,} | {step['bytes'] / 1e6:,.0f} | {seconds} |"
    yield ""
