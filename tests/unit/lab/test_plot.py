"""The picture of the rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modwarden.lab import History
from modwarden.lab.plot import Panel, plot_rooms

if TYPE_CHECKING:
    from pathlib import Path


def _panel(title: str, attack_minute: float | None) -> Panel:
    minutes = np.linspace(0.0, 80.0, 20)
    rooms = 21.0 + np.outer(np.linspace(0.0, 14.0, 20), np.array([1.0, 0.5, -1.0]))
    return Panel(title, "3 of 3 rooms left the band", History(minutes, minutes, rooms), attack_minute)


def test_a_plot_is_written_as_png_and_svg_with_its_words_in_it(tmp_path: Path) -> None:
    targets = [tmp_path / "rooms.png", tmp_path / "rooms.svg"]

    plot_rooms([_panel("Act one", 24.0), _panel("Act two", None)], "Rooms", "a note", targets)

    assert targets[0].read_bytes().startswith(b"\x89PNG\r\n")
    svg = targets[1].read_text()
    assert svg.count('id="axes_') == 2
    assert "Act one" in svg


def test_the_same_rooms_give_the_same_svg(tmp_path: Path) -> None:
    targets = [tmp_path / "one.svg", tmp_path / "two.svg"]

    for target in targets:
        plot_rooms([_panel("Act one", 24.0)], "Rooms", "a note", [target])

    assert targets[0].read_bytes() == targets[1].read_bytes()
