"""What the guard takes, looked at every few seconds from outside."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.repeating import Repeating

from modwarden.guard import ControlError

if TYPE_CHECKING:
    from bench.soak.plant import Plant


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    at: float
    phase: str
    resident_bytes: int
    own_bytes: int
    """Of these, what is not a file's."""
    descriptors: int
    threads: int
    cpu_s: float
    journal_bytes: int
    journal_files: int
    waiting_rows: int
    """Appended and not yet durable."""
    sessions: int
    is_journal_up: bool


class Sampler(Repeating):
    """Looks while it is entered."""

    def __init__(self, plant: Plant, every_s: float) -> None:
        super().__init__(self._look_once, every_s)
        self.samples: list[Sample] = []
        self.phase = "start"
        self.unanswered = 0
        self.sealed: set[str] = set()
        """Every sealed segment that was ever seen."""
        self._plant = plant

    def as_rows(self) -> list[dict[str, Any]]:
        """Give the samples for a file."""
        return [asdict(sample) for sample in self.samples]

    def _look_once(self) -> None:
        try:
            self.samples.append(self._look())
        except ControlError:
            self.unanswered += 1
        except OSError:
            # The guard's process is gone; whoever waits for it says so.
            return

    def _look(self) -> Sample:
        guard = self._plant.guard
        assert guard is not None
        at, status = time.time(), self._plant.control.status()
        numbers = _numbers(Path(f"/proc/{guard.pid}/status").read_text())
        sizes = _sizes(self._plant.journal)
        self.sealed |= sealed_in(self._plant.journal)
        state = status["journal"]
        return Sample(
            at=at,
            phase=self.phase,
            resident_bytes=1024 * numbers["VmRSS"],
            own_bytes=1024 * numbers["RssAnon"],
            descriptors=len(os.listdir(f"/proc/{guard.pid}/fd")),  # noqa: PTH208  (names are enough)
            threads=numbers["Threads"],
            cpu_s=guard.cpu_ns() / 1e9,
            journal_bytes=sum(sizes),
            journal_files=len(sizes),
            waiting_rows=max(0, state["next_sequence"] - 1 - state["durable_sequence"]),
            sessions=status["sessions"],
            is_journal_up=state["up"],
        )


def sealed_in(journal: Path) -> set[str]:
    """Name the sealed segments that are there."""
    return {path.name for path in journal.glob("*.parquet")}


def _numbers(status: str) -> dict[str, int]:
    lines = (line.partition(":") for line in status.splitlines())
    return {name: int(words[0]) for name, _, rest in lines if (words := rest.split()) and words[0].isdigit()}


def _sizes(directory: Path) -> list[int]:
    sizes = []
    for path in directory.iterdir():
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            # Sealed or retired meanwhile.
            continue
    return sizes
