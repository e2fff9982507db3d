"""A part that cannot be measured says so; it does not leave half of itself out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench import write_ahead
from bench.measure import Effort
from bench.processes import BenchError

if TYPE_CHECKING:
    from pathlib import Path


def test_without_the_guard_on_the_double_the_writes_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead, "GUARD_ON_DOUBLE", tmp_path / "not-built")

    with pytest.raises(BenchError, match="not-built is not there"):
        write_ahead.measure_writes(tmp_path, Effort())
