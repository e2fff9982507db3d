"""Puts the table of `make attack` into docs/reliability.md: `python -m bench.attacks_page RESULTS DOCS`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import describe
from bench.marked import put_between_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND = "make attack"
_HEAD = """\
Times are of honest requests, in ms: median / p99, and how many times the quiet value the attacked one is.

| Attack | Alone | Attacked | Ratio | Requests lost | Guard's core | Descriptors | Memory | Limits met |
|---|---|---|---|---|---|---|---|---|"""
_BAD = ("lost", "exceptions", "strays", "broken")
_QUANTILES = ("p50_us", "p99_us")


def main() -> None:
    """Write the table from all results of one run."""
    results, docs = map(Path, sys.argv[1:])
    found = [json.loads(path.read_text()) for path in results.glob("*.json")]
    put_between_marks(docs / "reliability.md", COMMAND, table(found, _about(describe())))


def table(found: Sequence[dict[str, Any]], about: str) -> Iterator[str]:
    """Give a line for each attack, in the order in which they were made."""
    seconds = sorted({round(each["seconds"], 1) for each in found})
    yield f"\n{len(found)} attacks, windows of {', '.join(f'{each:g}' for each in seconds)} s; {about}."
    yield from (f"{line}" for line in sorted({each["relaxed"] for each in found}) if line)
    yield _HEAD
    for each in sorted(found, key=lambda each: float(each["at"])):
        yield _row(each)
    yield ""


def ratios(quiet: dict[str, Any], attacked: dict[str, Any]) -> list[float]:
    """How many times as long honest requests took under attack: the median, and p99."""
    return [attacked[key] / max(quiet[key], 1.0) for key in _QUANTILES]


def _row(each: dict[str, Any]) -> str:
    quiet, attacked = each["quiet"], each["attacked"]
    bad, sent = sum(int(attacked[key]) for key in _BAD), int(attacked["sent"])
    times = [" / ".join(f"{report[key] / 1e3:.1f}" for key in _QUANTILES) for report in (quiet, attacked)]
    ratio = " / ".join(f"{value:.1f} ×" for value in ratios(quiet, attacked))
    descriptors = " → ".join(str(count) for count in each["descriptors"])
    memory = " → ".join(f"{size:.0f}" for size in each["resident_mb"][:2])
    limits = ", ".join(f"`{name}` {count:,}" for name, count in _most_first(each["limits"]))
    cells = (
        each["attack"], *times, ratio, f"{bad} of {sent:,}", f"{each['cpu_share']:.0%}", descriptors,
        f"{memory} MB", limits,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _most_first(limits: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in limits.items() if count), key=lambda met: -met[1])


def _about(machine: dict[str, str]) -> str:
    day = time.strftime("%Y-%m-%d")
    return f"{day}, {machine['processor']}, {machine['cores']}, modwarden {machine['modwarden']}"


if __name__ == "__main__":
    main()
