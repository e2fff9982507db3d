"""The soak's plot, and its table in docs/reliability.md."""

from __future__ import annotations

import time
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from bench.marked import put_between_marks
from matplotlib.figure import Figure
from matplotlib.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

COMMAND = "make soak"
PLOT = "soak.svg"
_VERDICT = {True: "yes", False: "**no**", None: "too short to say"}
_LINES = (
    ("memory, MB", "resident_bytes", 1e6),
    ("descriptors", "descriptors", 1.0),
    ("threads", "threads", 1.0),
    ("processor, %", "cpu", 1.0),
    ("journal, MB", "journal_bytes", 1e6),
    ("rows not durable yet", "waiting_rows", 1.0),
)
_COLORS = {
    "shift": "#cfe3ea",
    "server outage": "#f2d0c4",
    "audit": "#e0d8ee",
    "disk stalls": "#f5e0a8",
    "churn": "#d9e8cf",
    "attack": "#eac7d7",
}


def write_page(result: dict[str, Any], docs: Path) -> None:
    """Draw the plot, and put the table where the last one stood."""
    draw(result["samples"], docs / PLOT)
    put_between_marks(docs / "reliability.md", COMMAND, table(result))


def table(result: dict[str, Any]) -> Iterator[str]:
    """Give the lines of the table, and what was done beside it."""
    minutes, units = result["seconds"] / 60, result["units"]
    day = time.strftime("%Y-%m-%d", time.gmtime(result["at"]))
    yield f"\nMade by `{COMMAND} SOAK_MINUTES={minutes:g}`, {day}: {minutes:.0f} minutes, {units} servers,"
    yield f"{result['cycles']} cycles; {result['machine']}.\n"
    yield "| what | bound | measured | held |\n|---|---|---|---|"
    for check in result["checks"]:
        yield f"| {check['what']} | {check['bound']} | {check['measured']} | {_VERDICT[check['is_held']]} |"
    done = ", ".join(f"{count:,} {what}" for what, count in result["counts"].items())
    yield f"\nDone meanwhile: {done}.\n\n![What the guard took, over the day]({PLOT})\n"


def draw(samples: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw one panel for each thing that was looked at, the phases behind it."""
    mpl.rcParams["svg.hashsalt"] = "modwarden"
    figure = Figure(figsize=(9, 9), layout="constrained")
    minutes = [(sample["at"] - samples[0]["at"]) / 60 for sample in samples]
    panels = figure.subplots(len(_LINES), 1, sharex=True)
    for axes, (name, key, scale) in zip(panels, _LINES, strict=True):
        values = _cpu(samples) if key == "cpu" else [sample[key] / scale for sample in samples]
        _shade(axes, samples, minutes)
        axes.plot(minutes, values, color="#1f6f8b", linewidth=1)
        axes.set_ylabel(name, fontsize="small")
        axes.set_ylim(bottom=0)
    panels[-1].set_xlabel("minutes")
    handles = [Patch(color=color, label=name) for name, color in _COLORS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def _cpu(samples: Sequence[dict[str, Any]]) -> list[float]:
    each = [100 * (b["cpu_s"] - a["cpu_s"]) / (b["at"] - a["at"]) for a, b in pairwise(samples)]
    return [each[0], *each] if each else [0.0] * len(samples)


def _shade(axes: Axes, samples: Sequence[dict[str, Any]], minutes: Sequence[float]) -> None:
    for phase, stretch in groupby(zip(minutes, samples, strict=True), key=lambda look: look[1]["phase"]):
        times = [at for at, _ in stretch]
        if phase in _COLORS:
            axes.axvspan(times[0], times[-1], color=_COLORS[phase], linewidth=0)
