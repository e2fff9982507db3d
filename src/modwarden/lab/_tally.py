"""Counting what a client saw: how many of its requests came back, how, and how fast."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Tally:
    """The fate of the requests of one kind."""

    sent: int = 0
    answered: int = 0
    exceptions: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    """No connection, or the connection was closed instead of an answer."""
    timeouts: int = 0

    def summary(self) -> dict[str, object]:
        return {
            "sent": self.sent,
            "answered": self.answered,
            "exceptions": {str(code): count for code, count in sorted(self.exceptions.items())},
            "refused": self.refused,
            "timeouts": self.timeouts,
        }


@dataclass
class Latencies:
    """Round-trip times of one client, in milliseconds."""

    values_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        ordered = sorted(self.values_ms)
        return {
            "p50_ms": round(percentile(ordered, 0.50), 3),
            "p99_ms": round(percentile(ordered, 0.99), 3),
            "max_ms": round(ordered[-1] if ordered else math.nan, 3),
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of values in ascending order; NaN where there are none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
