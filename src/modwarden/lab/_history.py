"""What the rooms went through: written by the plant row by row, read back for figures and pictures."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, TextIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COLDEST_DEGC, WARMEST_DEGC = 18.0, 24.0  # what the product in these rooms tolerates
BATCH_TOLERANCE_MINUTES = 10.0  # longer outside the band, in one piece, and the batch is lost


@dataclass(frozen=True)
class History:
    """Room temperatures over plant time: one row a sample, one column a room."""

    plant_minutes: NDArray[np.float64]
    unix_s: NDArray[np.float64]
    rooms_degc: NDArray[np.float64]

    def is_outside(self) -> NDArray[np.bool_]:
        """Tell for each sample and room whether the room was outside the band."""
        return (self.rooms_degc < COLDEST_DEGC) | (self.rooms_degc > WARMEST_DEGC)

    def minute_at(self, unix_s: float) -> float:
        """Plant minute at a wall time."""
        return float(np.interp(unix_s, self.unix_s, self.plant_minutes))

    def until(self, plant_minute: float) -> History:
        """Leave out what came later."""
        rows = self.plant_minutes <= plant_minute
        return History(self.plant_minutes[rows], self.unix_s[rows], self.rooms_degc[rows])

    def rooms_that_left(self) -> int:
        return int(self.is_outside().any(axis=0).sum())

    def batches_lost(self) -> int:
        """Count rooms that stayed outside the band, in one piece, longer than a batch tolerates."""
        minutes_outside = np.zeros(self.rooms_degc.shape[1])
        longest = minutes_outside.copy()
        steps = np.diff(self.plant_minutes, prepend=self.plant_minutes[:1])
        for minutes, outside in zip(steps, self.is_outside(), strict=True):
            minutes_outside = np.where(outside, minutes_outside + minutes, 0.0)
            longest = np.maximum(longest, minutes_outside)
        return int((longest > BATCH_TOLERANCE_MINUTES).sum())


class HistoryWriter:
    """Append samples to a CSV file; each row is flushed, so that a reader may follow."""

    def __init__(self, file: TextIO, names: Sequence[str]) -> None:
        self._file = file
        self._rows = csv.writer(file)
        self._rows.writerow(["plant_minute", "unix_s", *names])

    def append(self, plant_minute: float, rooms_degc: Sequence[float]) -> None:
        self._rows.writerow([f"{plant_minute:.3f}", f"{time():.3f}", *(f"{degc:.3f}" for degc in rooms_degc)])
        self._file.flush()


def load_history(path: Path) -> History:
    """
    Read a plant's CSV file; a last row that is still being written is left out.

    Raises:
        ValueError: there is no whole row yet.
    """
    header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    width = header.count(",") + 1
    rows = [line.split(",") for line in lines if line.endswith("\n") and line.count(",") + 1 == width]
    if not rows:
        raise ValueError(f"{path} holds no sample yet")
    table = np.array(rows, dtype=np.float64)
    return History(table[:, 0], table[:, 1], table[:, 2:])
