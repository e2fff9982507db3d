"""Measure Modwarden beside others in one run: `python -m bench`; see bench/README.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench import candidates as known
from bench.measure import Effort, Load, Window, median, ratios, rounds, running, servers
from bench.processes import raise_file_limit

CANDIDATES = {
    "direct": known.direct,
    "relay": known.relay,
    "haproxy": known.haproxy,
    "modwarden": known.journalling,
    "modwarden-no-journal": lambda: known.modwarden("modwarden-no-journal", "--without-journal"),
    "haproxy-edge": lambda: known.haproxy("haproxy-edge", ("expose-experimental-directives", "tune.fd.edge-triggered on")),
    "haproxy-low-latency": lambda: known.haproxy("haproxy-low-latency", ("tune.sched.low-latency on",)),
    "haproxy-splice": lambda: known.haproxy("haproxy-splice", defaults=("option splice-auto",)),
}


def main() -> None:
    """Print the comparison of throughput and CPU time per request."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--candidates", default="direct,relay,haproxy,modwarden")
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--writes-percent", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    wanted = parser.parse_args()
    raise_file_limit(65536)
    chosen = [CANDIDATES[name]() for name in wanted.candidates.split(",")]
    effort = Effort(wanted.rounds, wanted.seconds)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, servers():
        with running(chosen, Path(folder)) as started:
            for connections in map(int, wanted.connections.split(",")):
                load = Load(connections, wanted.writes_percent)
                print_case(load, rounds(started, load, effort))


def print_case(load: Load, windows: dict[str, list[Window]]) -> None:
    """Print one case, a line for each candidate."""
    print(f"\n{load.connections} connections, {load.writes_percent} % writes")
    print(
        f"{'candidate':22}{'requests/s':>11}{'p50 us':>9}{'p99 us':>9}{'p99.9 us':>10}{'CPU us':>8}"
        f"{'load busy':>11}{'lost':>6}   ratio to haproxy: requests/s, CPU (median, min-max)"
    )
    for name, each in windows.items():
        bad = sum(w["lost"] + w["exceptions"] + w["strays"] + w["broken"] for w in each)
        line = (
            f"{name:22}{median(each, 'throughput'):>11.0f}{median(each, 'p50_us'):>9.0f}"
            f"{median(each, 'p99_us'):>9.0f}{median(each, 'p999_us'):>10.0f}{median(each, 'cpu_us'):>8.2f}"
            f"{median(each, 'load_busy'):>10.0%} {bad:>6}"
        )
        against = windows.get("haproxy")
        print(line + ("" if against is None else _ratio_text(each, against)), flush=True)


def _ratio_text(each: list[Window], against: list[Window]) -> str:
    found = [ratios(each, against, key) for key in ("throughput", "cpu_us")]
    return "   " + "   ".join(f"{m:.2f} ({low:.2f}-{high:.2f})" for m, low, high in filter(None, found))


if __name__ == "__main__":
    main()
