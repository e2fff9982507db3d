"""Whether a series grows: a robust line through its second half."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# 300 points give 45,000 slopes; more would only take longer.
_MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through the second half of a series, and what it says."""

    slope: float
    """Units a second."""
    seconds: float

    @property
    def growth(self) -> float:
        """What the line rises by over the half it was fitted to."""
        return self.slope * self.seconds


def second_half(times: Sequence[float], values: Sequence[float]) -> Trend:
    """
    Fit by Theil and Sen: the median of the slopes of all pairs of points.

    A third of the points may be anything: a flood's peak does not bend the line as it bends least squares.
    """
    middle = times[0] + (times[-1] - times[0]) / 2
    points = [(at, value) for at, value in zip(times, values, strict=True) if at >= middle]
    thinned = points[:: 1 + len(points) // _MOST_POINTS]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(thinned, 2) if b[0] > a[0]]
    return Trend(statistics.median(slopes) if slopes else 0.0, times[-1] - middle)
