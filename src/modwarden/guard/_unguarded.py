"""
How long conduits that fail open were without their guard, and how much passed meanwhile.

Nobody sees what passes then. Known is when the guard last said that it lived, and what the kernel counted.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Away:
    """One conduit, and the time before this start in which it had no guard."""

    conduit: str
    since: float
    until: float
    packets: int

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return max(self.until - self.since, 0.0)

    @property
    def told(self) -> str:
        """Say it for the record."""
        return (
            f"failed_open: no guard for {self.seconds:.1f} s, from {_utc(self.since)} to {_utc(self.until)}; "
            f"{self.packets} packets of clients passed"
        )

    def to_status(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "conduit": self.conduit,
            "since": _utc(self.since),
            "until": _utc(self.until),
            "seconds": round(self.seconds, 3),
            "packets": self.packets,
        }


@dataclass(slots=True)
class Unguarded:
    """The conduits of one guard that fail open; without any, nothing is kept."""

    path: Path
    away: tuple[Away, ...] = ()
    _packets: Mapping[str, int] | None = None

    def begin(self, open_packets: Mapping[str, int]) -> tuple[Away, ...]:
        """Say what is known of the time before this start, and remember where the counters stand now."""
        self._packets = open_packets
        now = time.time()
        before = _read(self.path)
        if open_packets and before is not None:
            since, counted = before
            self.away = tuple(
                Away(conduit, since, now, _passed(packets, counted.get(conduit, 0)))
                for conduit, packets in open_packets.items()
            )
        self._keep()
        return self.away

    def note_alive(self) -> None:
        """Leave a sign of life, for the next start."""
        if not self._packets:
            return
        try:
            os.utime(self.path)
        except OSError:
            # A full or lost disk must not end the guard; the time away only looks longer.
            log.warning("%s: no sign of life can be left", self.path)

    def adopt(self, open_packets: Mapping[str, int]) -> None:
        """Take what a reload changed."""
        self._packets = open_packets
        self._keep()

    @property
    def conduits(self) -> tuple[str, ...]:
        """Those that fail open now."""
        return tuple(self._packets or ())

    def metrics(self) -> str:
        """Give Prometheus text."""
        if not self._packets:
            return ""
        lines = [
            "# HELP modwarden_conduit_fails_open 1 where packets pass while the guard is away.",
            "# TYPE modwarden_conduit_fails_open gauge",
            *(f"modwarden_conduit_fails_open{{conduit={json.dumps(one)}}} 1" for one in self.conduits),
            "# HELP modwarden_guard_away_seconds Without a guard and open, before this start.",
            "# TYPE modwarden_guard_away_seconds gauge",
            *(
                f"modwarden_guard_away_seconds{{conduit={json.dumps(a.conduit)}}} {a.seconds:.3f}"
                for a in self.away
            ),
            "# HELP modwarden_guard_away_packets Packets of clients that passed meanwhile.",
            "# TYPE modwarden_guard_away_packets gauge",
            *(
                f"modwarden_guard_away_packets{{conduit={json.dumps(a.conduit)}}} {a.packets}"
                for a in self.away
            ),
        ]
        return "\n".join(lines) + "\n"

    def _keep(self) -> None:
        if not self._packets:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps(dict(self._packets)))
            fresh.replace(self.path)
        except OSError:
            log.exception("%s: what passed without a guard cannot be kept", self.path)


def _passed(now: int, before: int) -> int:
    # Rules that were loaded anew count from zero.
    return now - before if now >= before else now


def _read(path: Path) -> tuple[float, dict[str, int]] | None:
    try:
        since = path.stat().st_mtime
        counted = json.loads(path.read_text())
        return since, {str(conduit): int(packets) for conduit, packets in counted.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
