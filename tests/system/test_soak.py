"""A day of the cleanroom in half a minute: nothing is lost, all is recorded, and the record verifies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The demo's own tests name the seventeenth unit.
UNITS, MINUTES = 20, 0.5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.needs_programs]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("soak")
    options = ["--minutes", str(MINUTES), "--units", str(UNITS), "--results", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (folder / "soak.json").is_file(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "soak.json").read_text())
    return found


def test_everything_that_must_hold_over_a_day_holds(result: dict[str, Any]) -> None:
    failed = [
        f"{check['what']}: {check['measured']}" for check in result["checks"] if check["is_held"] is False
    ]

    assert failed == []


def test_every_disturbance_of_the_day_took_place(result: dict[str, Any]) -> None:
    done = {what for what, count in result["counts"].items() if count}

    assert done >= {
        "reloads",
        "server outages",
        "disk stalls",
        "helpers killed",
        "audit query",
        "audit verify",
    }
    assert done >= {"control calls", "connections churned", "requests flooded"}


def test_the_journal_went_down_with_the_disk_and_sealed_segments_all_the_same(result: dict[str, Any]) -> None:
    assert result["counts"]["journal failures"] > 0
    assert result["counts"]["segments sealed"] > 0
