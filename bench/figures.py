"""Plots of the results, drawn for docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from bench.measure import median
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

# The same figures give the same file.
mpl.rcParams["svg.hashsalt"] = "modwarden"
_OURS, _THEIRS = "#1f6f8b", "#9aa5ab"


def draw_cpu(cases: Sequence[dict[str, Any]], path: Path) -> None:
    """CPU time per request: a bar for each candidate, a whisker from least to greatest round."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, case in zip(figure.subplots(1, len(cases), sharey=True, squeeze=False)[0], cases, strict=True):
        _bars(axes, case, "cpu_us")
        axes.set_xlabel("CPU µs per request")
        axes.margins(x=0.1)
    _save(figure, path)


def draw_latency(cases: Sequence[dict[str, Any]], path: Path) -> None:
    """Median latency, with the whisker reaching to p99."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, case in zip(figure.subplots(1, len(cases), sharey=True, squeeze=False)[0], cases, strict=True):
        names = list(case["windows"])[::-1]
        for at, name in enumerate(names):
            windows = case["windows"][name]
            low, high = median(windows, "p50_us"), median(windows, "p99_us")
            axes.plot([low, high], [at, at], color=_color(name), linewidth=3)
            axes.plot([low], [at], "o", color=_color(name))
        axes.set_yticks(range(len(names)), names)
        _by_powers(axes)
        axes.set_title(_title(case), fontsize="medium")
        axes.set_xlabel("µs: p50 (dot) to p99")
    _save(figure, path)


def draw_determinism(found: dict[str, dict[str, Any]], path: Path) -> None:
    """p99.9 from the due time, phase by phase."""
    rows = [
        (name, phase, report["p999_us"]) for name, phases in found.items() for phase, report in phases.items()
    ][::-1]
    figure = Figure(figsize=(9, 0.3 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(rows)), [value for _, _, value in rows], color=[_color(name) for name, _, _ in rows])
    axes.set_yticks(range(len(rows)), [f"{name}: {phase}" for name, phase, _ in rows])
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.set_xlabel("p99.9 in µs from the time each poll was due")
    _save(figure, path)


def _bars(axes: Axes, case: dict[str, Any], key: str) -> None:
    names = [name for name in case["windows"] if name != "direct"][::-1]
    values = [median(case["windows"][name], key) for name in names]
    each = [[window[key] for window in case["windows"][name]] for name in names]
    low = [value - min(found) for value, found in zip(values, each, strict=True)]
    high = [max(found) - value for value, found in zip(values, each, strict=True)]
    axes.barh(range(len(names)), values, xerr=[low, high], color=[_color(name) for name in names])
    axes.set_yticks(range(len(names)), names)
    axes.set_title(_title(case), fontsize="medium")


def _title(case: dict[str, Any]) -> str:
    number = case["connections"]
    return "1 connection" if number == 1 else f"{number} connections"


def _by_powers(axes: Axes) -> None:
    """Few labels, in plain figures: those of a logarithmic axis run into each other."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.15)


def _plain(value: float, _: object) -> str:
    return f"{value:,.0f}"


def _color(name: str) -> str:
    return _OURS if name.startswith("modwarden") else _THEIRS


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
