"""The table of attacks says what each cost the honest clients, and under which terms it was made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from bench import attacks_page
from bench.attacks_page import ratios, table
from bench.marked import put_between_marks
from bench.soak import page as soak_page

DOCS = Path(__file__).resolve().parents[3] / "docs"

RELAXED = "Deadlines of 10 s."


def _report(p50_us: float, p99_us: float, lost: int = 0) -> dict[str, Any]:
    counts = {"lost": lost, "exceptions": 0, "strays": 0, "broken": 0, "sent": 1120}
    return {"p50_us": p50_us, "p99_us": p99_us, **counts}


def _found(name: str, at: float, relaxed: str = "", lost: int = 0) -> dict[str, Any]:
    return {
        "attack": name,
        "at": at,
        "seconds": 10.0,
        "relaxed": relaxed,
        "quiet": _report(500.0, 2000.0),
        "attacked": _report(1000.0, 9000.0, lost),
        "limits": {"sessions": 220, "idle_timeout": 0, "slow_frame": 4_000},
        "cpu_share": 0.05,
        "descriptors": [9, 789, 9],
        "resident_mb": [29.4, 31.1, 29.5],
    }


def test_each_attack_has_a_line_with_both_times_and_their_ratio() -> None:
    lines = list(table([_found("half-open", 2.0), _found("churn", 1.0, lost=3)], "a day, a machine"))
    rows = [line.replace("\N{MULTIPLICATION SIGN}", "x") for line in lines if line.startswith("| c")]
    (churn,) = rows

    assert churn == (
        "| churn | 0.5 / 2.0 | 1.0 / 9.0 | 2.0 x / 4.5 x | 3 of 1,120 | 5% | 9 → 789 → 9 | 29 → 31 MB "
        "| `slow_frame` 4,000, `sessions` 220 |"
    )
    assert [line.split(" ")[1] for line in lines[-3:-1]] == ["churn", "half-open"]
    assert "2 attacks, windows of 10 s; a day, a machine." in lines[0]


def test_what_was_relaxed_stands_above_the_table() -> None:
    assert RELAXED in list(table([_found("churn", 1.0, RELAXED)], "a day"))
    assert RELAXED not in list(table([_found("churn", 1.0)], "a day"))


def test_a_ratio_to_nothing_is_to_a_microsecond() -> None:
    assert ratios(_report(0.0, 10.0), _report(5.0, 20.0)) == [5.0, 2.0]


def test_lines_go_between_the_marks_of_their_command_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- written by make x -->\nold\n<!-- end of what make x writes -->\nb\n")
    put_between_marks(page, "make x", ["new", "lines"])

    assert page.read_text() == (
        "a\n<!-- written by make x -->\nnew\nlines\n<!-- end of what make x writes -->\nb\n"
    )
    with pytest.raises(ValueError, match="make y"):
        put_between_marks(page, "make y", ["new"])


@pytest.mark.parametrize("command", [attacks_page.COMMAND, soak_page.COMMAND])
def test_the_page_has_a_place_for_what_each_command_writes(command: str, tmp_path: Path) -> None:
    page = Path(shutil.copy(DOCS / "reliability.md", tmp_path))
    put_between_marks(page, command, ["anew"])

    assert f"`{command}" in page.read_text()
    assert "anew" in page.read_text()
