"""The picture of the demo: every room's temperature over plant time, one panel an act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ._history import COLDEST_DEGC, WARMEST_DEGC, History

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

# Okabe-Ito colours: told apart with any colour vision, and in grey.
_ROOM, _EDGE, _MEDIAN = "#56B4E9", "#0072B2", "#00263D"
_BAND, _ATTACK, _INK, _FAINT = "#009E73", "#B3450A", "#222222", "#6B6B6B"
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "svg.fonttype": "path",
    "svg.hashsalt": "modwarden",
}


@dataclass(frozen=True)
class Panel:
    """One act: its words, its rooms, and when the attack began."""

    title: str
    outcome: str
    history: History
    attack_minute: float | None


def plot_rooms(panels: Sequence[Panel], title: str, note: str, targets: Sequence[Path]) -> None:
    """Draw the panels side by side on one scale and write them to each target by its ending."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(12.4, 5.6), dpi=160)
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for panel, ax in zip(panels, axes, strict=True):
            _draw(panel, ax, is_first=ax is axes[0])
        figure.suptitle(title, x=0.055, y=0.972, ha="left", fontsize=14, fontweight="bold", color=_INK)
        _explain_lines(figure)
        figure.text(0.055, 0.022, note, ha="left", va="bottom", fontsize=8, color=_FAINT)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.785, bottom=0.205, wspace=0.07)
        for target in targets:
            figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def _draw(panel: Panel, ax: Axes, *, is_first: bool) -> None:
    minutes, rooms = panel.history.plant_minutes, panel.history.rooms_degc
    ax.axhspan(COLDEST_DEGC, WARMEST_DEGC, color=_BAND, alpha=0.16, linewidth=0, zorder=0)
    ax.plot(minutes, rooms, color=_ROOM, alpha=0.35, linewidth=0.7, zorder=2, rasterized=True)
    for edge in (rooms.min(axis=1), rooms.max(axis=1)):
        ax.plot(minutes, edge, color=_EDGE, linewidth=1.4, zorder=3)
    ax.plot(minutes, np.median(rooms, axis=1), color=_MEDIAN, linewidth=2.2, zorder=4)
    _label_lines(panel, ax)
    ax.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", color=_INK, pad=37)
    ax.text(0, 1.025, panel.outcome, transform=ax.transAxes, fontsize=9.5, color=_INK, va="bottom")
    ax.set_xlabel("plant minutes", color=_INK)
    ax.set_xlim(0, float(minutes[-1]))
    ax.set_ylim(5, 39)
    ax.set_yticks([8, 12, 18, 24, 30, 35])
    ax.tick_params(colors=_INK, length=3)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.6, zorder=1)
    if is_first:
        ax.set_ylabel("room temperature in °C", color=_INK)


def _label_lines(panel: Panel, ax: Axes) -> None:
    if panel.attack_minute is not None:
        ax.axvline(panel.attack_minute, color=_ATTACK, linewidth=1.3, linestyle=(0, (5, 3)), zorder=5)
        ax.text(panel.attack_minute, 37.9, " attack", color=_ATTACK, fontsize=9, va="top", ha="left")
    tolerated = f"tolerated: {COLDEST_DEGC:.0f} to {WARMEST_DEGC:.0f} °C"
    end = float(panel.history.plant_minutes[-1])
    ax.text(0.985 * end, COLDEST_DEGC + 0.3, tolerated, color="#00563F", fontsize=8, va="bottom", ha="right")


def _explain_lines(figure: Figure) -> None:
    lines = [
        Line2D([], [], color=_ROOM, linewidth=1.2, label="one room"),
        Line2D([], [], color=_EDGE, linewidth=1.8, label="coldest and warmest room"),
        Line2D([], [], color=_MEDIAN, linewidth=2.4, label="median"),
    ]
    figure.legend(handles=lines, loc="upper right", bbox_to_anchor=(0.99, 0.985), ncols=3, frameon=False)
