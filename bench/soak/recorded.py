"""The permitted writes of the record, read again and again before retention takes them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeAlias

from bench.processes import BenchError
from bench.repeating import Repeating

if TYPE_CHECKING:
    from bench.soak.plant import Plant

WrittenKey: TypeAlias = "tuple[str, int, int, tuple[int, ...]]"
# So far back that a row cannot fall between two readings: it may have waited for a stalled disk.
_OVERLAP_S = 60.0


class RecordedWrites(Repeating):
    """Reads while it is entered; `demand_last` once the guard has ended."""

    def __init__(self, plant: Plant, every_s: float) -> None:
        super().__init__(self.read_last, every_s, waits_first=True)
        self.rows: dict[int, WrittenKey] = {}
        """By sequence."""
        self.readings = 0
        self.failed: list[str] = []
        self._plant = plant
        self._read_at = time.time()

    def read_last(self) -> None:
        """Read what came since the last reading."""
        began = time.time()
        since = f"{began - self._read_at + _OVERLAP_S:.0f}s"
        wanted = ("--function", "write", "--kind", "request.permitted", "--since", since, "--json")
        found = self._plant.ask("audit", "query", str(self._plant.journal), *wanted)
        if found.returncode != 0:
            self.failed.append(f"exit {found.returncode}: {found.stderr.strip()}")
            return
        self._read_at = began
        self.readings += 1
        for line in found.stdout.splitlines():
            row = json.loads(line)
            key = (row["server"], row["function_code"], row["address"], tuple(row["values"]))
            self.rows[row["sequence"]] = key

    def demand_last(self) -> None:
        """
        Read once more; this time it has to succeed.

        Raises:
            BenchError: it did not.
        """
        before = self.readings
        self.read_last()
        if self.readings == before:
            raise BenchError(self.failed[-1])
