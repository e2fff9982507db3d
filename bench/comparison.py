"""Throughput, latency and CPU time per request, every candidate in each round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.measure import Effort, Load, Window, median, ratios, rounds, running, servers
from bench.rivals import modbus_proxy, pymodbus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RULES = (10, 100, 1_000, 10_000)
CANDIDATES: dict[str, Callable[[], known.Candidate]] = {
    "direct": known.direct,
    "relay": known.relay,
    "haproxy": known.haproxy,
    "modwarden": known.journalling,
    "modwarden-no-journal": lambda: known.modwarden("modwarden-no-journal", "--without-journal"),
    "modbus-proxy": modbus_proxy,
    "pymodbus": pymodbus,
    # Ways to set HAProxy that were tried for being faster: see bench/README.md.
    "haproxy-edge": lambda: known.haproxy(
        "haproxy-edge", ("expose-experimental-directives", "tune.fd.edge-triggered on")
    ),
    "haproxy-low-latency": lambda: known.haproxy("haproxy-low-latency", ("tune.sched.low-latency on",)),
    "haproxy-splice": lambda: known.haproxy("haproxy-splice", ("maxpipes 80",), ("option splice-auto",)),
}
READS = (Load(1), Load(16), Load(64))
MIXED = (Load(16, writes_percent=10), Load(64, writes_percent=10))
Case = dict[str, Any]


def compare(names: Sequence[str], loads: Sequence[Load], folder: Path, effort: Effort) -> list[Case]:
    """Measure the named candidates under each load."""
    return _cases([CANDIDATES[name]() for name in names], loads, folder, effort)


def compare_rules(folder: Path, effort: Effort, rules: Sequence[int] = RULES) -> list[Case]:
    """Measure the guard with policies of so many rules."""
    guards = [known.journalling(f"rules-{count}", rules=count) for count in rules]
    return _cases(guards, (Load(16),), folder, effort)


def _cases(chosen: list[known.Candidate], loads: Sequence[Load], folder: Path, effort: Effort) -> list[Case]:
    cases = []
    with servers(), running(chosen, folder) as started:
        for load in loads:
            windows = rounds(started, load, effort)
            cases.append(
                {"connections": load.connections, "writes_percent": load.writes_percent, "windows": windows}
            )
            print_case(cases[-1])
    return cases


def print_case(case: Case) -> None:
    """Print one case, a line for each candidate."""
    windows: dict[str, list[Window]] = case["windows"]
    print(f"\n{title(case)}")
    print(
        f"{'candidate':22}{'requests/s':>11}{'p50 us':>9}{'p99 us':>9}{'p99.9 us':>10}{'CPU us':>8}"
        f"{'load busy':>11}{'lost':>6}{'seals':>6}   ratio to haproxy: requests/s, CPU (median, range)"
    )
    for name, each in windows.items():
        line = (
            f"{name:22}{median(each, 'throughput'):>11.0f}{median(each, 'p50_us'):>9.0f}"
            f"{median(each, 'p99_us'):>9.0f}{median(each, 'p999_us'):>10.0f}{median(each, 'cpu_us'):>8.2f}"
            f"{median(each, 'load_busy'):>10.0%} {bad_requests(each):>6}"
            f"{median(each, 'seals'):>6.0f}"
        )
        against = windows.get("haproxy")
        print(line + ("" if against is None else _ratio_text(each, against)), flush=True)


def title(case: Case) -> str:
    """Say what a case asks."""
    plural = "" if case["connections"] == 1 else "s"
    return f"{case['connections']} connection{plural}, {case['writes_percent']} % writes"


def bad_requests(windows: Sequence[Window]) -> int:
    """Count requests without an answer, or with one that is no good, and connections that ended."""
    return sum(int(each[key]) for each in windows for key in ("lost", "exceptions", "strays", "broken"))


def _ratio_text(each: list[Window], against: list[Window]) -> str:
    found = [ratios(each, against, key) for key in ("throughput", "cpu_us")]
    return "   " + "   ".join(f"{m:.2f} ({low:.2f}-{high:.2f})" for m, low, high in filter(None, found))
