"""The demo, whole: real processes, real sockets, the installed commands."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

UNITS = 17


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_loses_every_batch_without_enforcement_and_none_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modwarden.cli", "demo", "cleanroom", "--units", str(UNITS)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False)

    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "cleanroom" / "figures.json").read_text())
    assert [act["batches lost"] for act in figures["acts"]] == [UNITS, UNITS, 0]
    assert figures["acts"][2]["attacker: answered as if permitted"] == 0
    assert figures["acts"][2]["HMI: polls lost"] == 0
    assert (tmp_path / "cleanroom" / "rooms.png").is_file()
