"""A robust line: it sees a leak, and no flood bends it."""

from __future__ import annotations

import pytest
from bench.soak.trend import second_half

TIMES = [float(at) for at in range(200)]


def test_a_flat_series_does_not_grow() -> None:
    assert second_half(TIMES, [7.0] * 200).growth == 0


def test_a_leak_is_seen_at_its_size_over_the_second_half() -> None:
    trend = second_half(TIMES, [100 + 3 * at for at in TIMES])

    assert trend.slope == pytest.approx(3)
    assert trend.growth == pytest.approx(3 * 99.5)


def test_what_only_the_first_half_grew_by_does_not_count() -> None:
    assert second_half(TIMES, [min(at, 90) for at in TIMES]).growth == 0


def test_a_quarter_of_the_points_may_be_anything() -> None:
    disturbed = [500.0 if 150 <= at < 175 else 10.0 for at in TIMES]

    assert second_half(TIMES, disturbed).growth == 0
