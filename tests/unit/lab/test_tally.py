"""Counting what a client saw."""

from __future__ import annotations

import math

import pytest

from modwarden.lab import Latencies, percentile


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], share) == expected


def test_latencies_are_summed_up_in_any_order() -> None:
    assert Latencies([3.0, 1.0, 2.0]).summary() == {"p50_ms": 2.0, "p99_ms": 3.0, "max_ms": 3.0}
