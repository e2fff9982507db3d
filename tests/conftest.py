"""What every test shares: skips that say their reason, and fail under MODWARDEN_STRICT."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# `make deep` deepens the property tests of both languages by one word.
if cases := os.environ.get("PROPTEST_CASES"):
    settings.register_profile("deep", max_examples=int(cases), deadline=None)
    settings.load_profile("deep")

# A machine that runs tests is seldom idle; what comes last there would wait for ever.
os.environ["MODWARDEN_URGENT"] = "1"

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for reason, is_strict in _missing(item):
            mark = pytest.mark.usefixtures("missing_tool") if is_strict else pytest.mark.skip(reason=reason)
            item.add_marker(mark)


@pytest.fixture
def missing_tool(request: pytest.FixtureRequest) -> None:
    """Fail, in strict mode, a test that would elsewhere be skipped."""
    reasons = "; ".join(reason for reason, _ in _missing(request.node))
    pytest.fail(f"strict mode: {reasons}")


def _missing(item: pytest.Item) -> list[tuple[str, bool]]:
    strict = bool(os.environ.get("MODWARDEN_STRICT"))
    reasons: list[tuple[str, bool]] = []
    if item.get_closest_marker("needs_root") and os.geteuid() != 0:
        reasons.append(("needs root", strict))
    for mark in item.iter_markers("needs_tool"):
        name = str(mark.args[0])
        if shutil.which(name) is None:
            reasons.append((f"{name} is not installed", strict))
    if item.get_closest_marker("needs_programs") and "BENCH_PROGRAMS" not in os.environ:
        # A test that built them itself would have cargo build every library again, with other features.
        reasons.append(("BENCH_PROGRAMS names no folder with the programs that `make test` builds", strict))
    if item.get_closest_marker("needs_shared") and not SHARED.is_dir():
        reasons.append((f"{SHARED} is not there", False))
    return reasons
