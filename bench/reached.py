"""What Modwarden must reach, and what was measured, line by line."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.comparison import RULES, bad_requests, title
from bench.disturbances import DEMANDS
from bench.measure import SATURATED, Window, differences, median, ratios
from bench.memory import WANTED
from bench.queries import EVENTS
from bench.starting import SEGMENTS_OF_100_GB

if TYPE_CHECKING:
    from collections.abc import Iterator

Results = dict[str, Any]
_NOT_MEASURED: dict[str, Any] = {"cases": []}
_LEAST_HANDSHAKES = 0.9


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what, the goal, the figure, and whether it holds; None where it says nothing."""

    what: str
    goal: str
    measured: str
    is_reached: bool | None


def lines(results: Results) -> Iterator[Line]:
    """Give a line for each goal whose part was run."""
    for case in results.get("reads", []):
        yield from _against_haproxy(case)
    for case in results.get("mixed", []):
        yield _mixed(case)
    for case in results.get("rules", []):
        yield from _rules(case)
    if "writes" in results:
        yield from _writes(results["writes"])
    if "memory" in results:
        yield _memory(results["memory"])
    if results.get("starts"):
        yield _start(results["starts"][-1])
    if "determinism" in results:
        yield from _determinism(results["determinism"])
    yield from _other_parts(results)


def _other_parts(results: Results) -> Iterator[Line]:
    for case in results.get("transparent", _NOT_MEASURED)["cases"]:
        yield from _transparent(case)
    if "tls" in results:
        yield from _tls(results["tls"])
    if "query" in results:
        yield from _query(results["query"])


def _tls(found: dict[str, list[dict[str, Any]]]) -> Iterator[Line]:
    for case in found["requests"]:
        ours, theirs = case["windows"]["modwarden"], case["windows"]["haproxy"]
        at = f"TLS {case['version']} with roles, {case['connections']} connections"
        cpu = ratios(ours, theirs, "cpu_us")
        is_void = any(window["seals"] == 0 for window in ours)
        note = "; void: a window sealed nothing" if is_void else ""
        reached = None if is_void else cpu[0] <= 1
        yield Line(f"CPU time per request, {at}", "≤ 1.0 × HAProxy", _spread(cpu, "×") + note, reached)
    for case in found["handshakes"]:
        ours, theirs = case["windows"]["modwarden"], case["windows"]["haproxy"]
        rate = ratios(ours, theirs, "per_second")
        what = f"full handshakes per second, TLS {case['version']}"
        yield Line(what, "≥ 0.9 × HAProxy", _spread(rate, "×"), rate[0] >= _LEAST_HANDSHAKES)


def _against_haproxy(case: dict[str, Any]) -> Iterator[Line]:
    windows: dict[str, list[Window]] = case["windows"]
    if not {"modwarden", "haproxy"} <= windows.keys():
        return
    at = title(case)
    if case["connections"] > 1:
        yield _throughput(at, windows["modwarden"], windows["haproxy"])
        yield _cpu(at, windows["modwarden"], windows["haproxy"])
    if case["connections"] <= 16 and "direct" in windows:
        yield from _added(at, windows)
    if "modwarden-no-journal" in windows:
        cost = ratios(windows["modwarden"], windows["modwarden-no-journal"], "cpu_us")
        yield Line(f"CPU time per request, journal on to off, {at}", "reported", _spread(cost, "×"), None)


def _throughput(at: str, ours: list[Window], theirs: list[Window]) -> Line:
    throughput = ratios(ours, theirs, "throughput")
    is_void = max(median(ours, "load_busy"), median(theirs, "load_busy")) > SATURATED
    note = "; void: the load's core was the limit" if is_void else ""
    is_reached = None if is_void else throughput[0] >= 1
    return Line(f"requests per second, {at}", "≥ 1.0 × HAProxy", _spread(throughput, "×") + note, is_reached)


def _cpu(at: str, ours: list[Window], theirs: list[Window]) -> Line:
    cpu = ratios(ours, theirs, "cpu_us")
    # A record that is not sealed costs less than one that is.
    is_void = any(window["seals"] == 0 for window in ours)
    note = "; void: a window sealed nothing" if is_void else ""
    is_reached = None if is_void else cpu[0] <= 1
    return Line(f"CPU time per request, {at}", "≤ 1.0 × HAProxy", _spread(cpu, "×") + note, is_reached)


def _mixed(case: dict[str, Any]) -> Line:
    windows: dict[str, list[Window]] = case["windows"]
    cpu = ratios(windows["modwarden"], windows["haproxy"], "cpu_us")
    rate = median(windows["modwarden"], "throughput")
    measured = f"{rate:,.0f} requests a second; CPU {_spread(cpu, '×')} HAProxy, which records nothing"
    return Line(f"mixed load, {title(case)}", "reported", measured, None)


def _added(at: str, windows: dict[str, list[Window]]) -> Iterator[Line]:
    for key, name in (("p50_us", "p50"), ("p99_us", "p99")):
        ours = differences(windows["modwarden"], windows["direct"], key)
        theirs = differences(windows["haproxy"], windows["direct"], key)
        measured = f"{_spread(ours, 'µs', 0)}; HAProxy {_spread(theirs, 'µs', 0)}"
        yield Line(f"added latency {name}, {at}", "≤ HAProxy's", measured, ours[0] <= theirs[0])


def _rules(case: dict[str, Any]) -> Iterator[Line]:
    names = list(case["windows"])
    few, many = case["windows"][names[0]], case["windows"][names[-1]]
    least, most = (int(name.removeprefix("rules-")) for name in (names[0], names[-1]))
    cpu = ratios(many, few, "cpu_us")
    is_reached = cpu[0] <= 1.1 if (least, most) == (RULES[0], RULES[-1]) else None
    what = f"CPU time per request, {least:,} → {most:,} rules"
    yield Line(what, "≤ 1.1 ×", _spread(cpu, "×"), is_reached)


def _writes(found: dict[str, Any]) -> Iterator[Line]:
    for name, windows in found["windows"].items():
        rate, p99 = median(windows, "throughput"), median(windows, "p99_us")
        measured = f"{rate:,.0f} a second, p99 {p99 / 1e3:.1f} ms"
        if name == "real disk":
            sync = found["sync_us"]
            measured += f"; an idle sync takes {sync['p50'] / 1e3:.2f} ms (p99 {sync['p99'] / 1e3:.2f} ms)"
            yield Line(f"recorded writes, 64 clients, {name}", "reported", measured, None)
            continue
        cost_s = float(name.split()[2]) / 1e3
        least, most = 0.7 * 64 / (2 * cost_s), 4 * cost_s * 1e6 + 1000
        goal = f"≥ {least:,.0f} a second, p99 ≤ {most / 1e3:.0f} ms"
        yield Line(f"recorded writes, 64 clients, {name}", goal, measured, rate >= least and p99 <= most)


def _transparent(case: dict[str, Any]) -> Iterator[Line]:
    ours, theirs = (case["windows"][name] for name in ("transparent", "proxy"))
    at = f"transparent insertion, {title(case)}"
    throughput, cpu = (ratios(ours, theirs, key) for key in ("throughput", "cpu_us"))
    is_void = max(median(ours, "load_busy"), median(theirs, "load_busy")) > SATURATED
    note = "; void: the load's core was the limit" if is_void else ""
    is_reached = None if is_void else throughput[0] >= 0.95
    yield Line(
        f"requests per second, {at}", "≥ 0.95 × proxy insertion", _spread(throughput, "×") + note, is_reached
    )
    # The same work in no more than 1 / 0.95 of the time: it decides where throughput says nothing.
    yield Line(f"CPU time per request, {at}", "≤ 1.05 × proxy insertion", _spread(cpu, "×"), cpu[0] <= 1.05)


def _memory(found: dict[str, Any]) -> Line:
    ours = found["modwarden"]
    grown = (ours["held_bytes"] - ours["before_bytes"]) / 1e6
    theirs = (found["haproxy"]["held_bytes"] - found["haproxy"]["before_bytes"]) / 1e6
    measured = f"{grown:.0f} MB with {found['connections']:,}; HAProxy {theirs:.0f} MB"
    # The limit on open files may be a little lower; a tenth of the connections proves nothing.
    is_reached = grown * WANTED / found["connections"] <= 100 if found["connections"] > 0.8 * WANTED else None
    return Line(f"memory, {WANTED:,} idle connections", "≤ 100 MB above none", measured, is_reached)


def _start(found: dict[str, Any]) -> Line:
    seconds = statistics.median(found["seconds"])
    measured = f"{seconds:.2f} s with {found['segments']:,} sealed segments ({found['bytes'] / 1e6:.0f} MB)"
    is_reached = seconds <= 2 if found["segments"] >= SEGMENTS_OF_100_GB else None
    return Line("start to first forwarded request", "≤ 2 s with a journal of 100 GB", measured, is_reached)


def _determinism(found: dict[str, dict[str, Any]]) -> Iterator[Line]:
    if "direct" not in found:
        return
    floor = found["direct"]["quiet"]["p999_us"]
    theirs = found.get("haproxy", {})
    for name, phases in found.items():
        for phase, report in phases.items():
            if name.startswith("modwarden") and phase != "quiet":
                yield _steadiness(phase, report, theirs.get(phase), floor)


def _steadiness(phase: str, report: Window, haproxy: Window | None, floor: float) -> Line:
    ratio = _added_ratio(report, floor)
    added, quiet = report["p999_us"] - floor, report["quiet_p999_us"] - floor
    bad = bad_requests([report])
    measured = f"{_spread(ratio, '×')}: {added:,.0f} µs, quiet {quiet:,.0f} µs; {bad} lost"
    if haproxy is not None:
        measured += f"; HAProxy {_added_ratio(haproxy, floor)[0]:,.2f} ×"
    is_reached: bool | None = ratio[0] <= 2 and bad == 0
    if quiet <= 0:
        # A multiple of nothing is nothing.
        measured += "; void: the quiet value is not above that without a proxy"
        is_reached = None if bad == 0 else False
    weak = _weakest(phase, report)
    measured += f"; {DEMANDS[phase].told(weak)}"
    if not DEMANDS[phase].is_met(weak):
        # What was not disturbed, or less than the goal says, has not stood the disturbance.
        measured += f": void, at least {DEMANDS[phase].least:,.0f} are wanted"
        is_reached = None if is_reached else False
    return Line(f"added p99.9, 200 servers polled, {phase}", "≤ 2 × quiet, none lost", measured, is_reached)


def _weakest(phase: str, report: Window) -> dict[str, Any]:
    """Give the facts of the round in which least was done."""
    facts = [window["disturbance"] for window in report["rounds"]]
    return min(facts, key=lambda each: float(each.get(DEMANDS[phase].key, 0)))


def _added_ratio(report: Window, floor: float) -> list[float]:
    """Median, least and greatest over the rounds; below a microsecond nothing was added."""
    each = [
        (window["p999_us"] - floor) / max(window["quiet_p999_us"] - floor, 1.0) for window in report["rounds"]
    ]
    return [statistics.median(each), min(each), max(each)]


def _query(found: dict[str, Any]) -> Iterator[Line]:
    what = f"{found['events'] / 1e6:.0f} million events, by client, server and time"
    for name, key, most_s in (("warm query", "warm_s", 0.3), ("whole command", "command_s", 1.5)):
        seconds = found[key]
        rows = f"{found['rows']:,} rows of {found['bytes'] / 1e6:,.0f} MB"
        measured = f"{seconds['median']:.2f} s (first {seconds['first']:.2f} s); {rows}"
        is_reached = seconds["median"] <= most_s if found["events"] >= EVENTS else None
        yield Line(f"{what}: {name}", f"≤ {most_s} s", measured, is_reached)


def _spread(figures: list[float], unit: str, digits: int = 2) -> str:
    middle, least, greatest = figures
    return f"{middle:,.{digits}f} {unit} ({least:,.{digits}f}–{greatest:,.{digits}f})"
