"""What a status looks like on a screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from modwarden.cli._status_view import line_table

LINE = {
    "name": "bus-1",
    "at": "/dev/ttyUSB0",
    "up": True,
    "load_percent": 94,
    "sessions": 3,
    "waiting": 2,
    "given_up": 10,
    "requests": 1595,
    "shared": 0,
    "crc_errors": 4,
    "strays": 1,
    "time_outs": {"14": 21, "15": 1},
}


def shown(line: dict[str, Any]) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(line_table({"lines": [line]}))
    return capture.get()


def test_without_lines_there_is_no_table() -> None:
    assert line_table({"lines": []}) is None
    assert line_table({}) is None


def test_a_line_shows_its_load_who_waits_and_what_is_amiss() -> None:
    text = shown(LINE)

    assert text.splitlines()[1].split() == [
        *("bus-1", "/dev/ttyUSB0", "94", "%", "3", "2", "10", "1,595", "0", "4", "1"),
        *("14:", "21,", "15:", "1"),
    ]


def test_a_line_that_is_gone_says_so_instead_of_its_load() -> None:
    assert "DOWN" in shown({**LINE, "up": False})
