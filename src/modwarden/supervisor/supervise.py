"""Keeps the parts of a host running: restarts with back-off, signals passed on.

Theory. Each part is in one of three states. It has run once it ended otherwise than with 3
(a port or the disk is not to be had), or lived for a healthy while.

| state   | on                                | becomes                                      |
|---------|-----------------------------------|----------------------------------------------|
| running | exit 0 or 2                       | over: done, or nothing a restart would mend  |
| running | exit 3, has never run, tried for  | over: somebody at the terminal or a service  |
|         | `first_start_s`                   | manager must hear of it                      |
| running | any other end                     | waiting, longer each time up to a limit      |
| waiting | time is up                        | running                                      |
| any     | told to stop                      | over, once its process has ended             |
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from modwarden.supervisor.parts import Part

log = logging.getLogger(__name__)

EXIT_FINE = 0
EXIT_OPERATOR = 2
EXIT_WORLD = 3
SUPERVISED = "MODWARDEN_SUPERVISED"
_FORWARDED = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a part starts again."""

    # A guard that is down lets nothing pass, so the first restart comes at once or nearly.
    first_s: float = 0.2
    longest_s: float = 30.0
    # A part that ran this long is healthy: its next end starts over at `first_s`.
    healthy_after_s: float = 60.0
    # At boot an address may come seconds after the service that listens on it.
    first_start_s: float = 30.0

    def after(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row."""
        return min(self.first_s * 2.0 ** max(failures - 1, 0), self.longest_s)


@dataclass(slots=True)
class _Watched:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    first_failed_at: float | None = None
    has_run: bool = False
    failures: int = 0
    exit_code: int | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs parts until all are over; its exit code is the worst of theirs."""

    parts: Iterable[Part]
    backoff: Backoff = field(default_factory=Backoff)
    _watched: list[_Watched] = field(default_factory=list, init=False)
    _is_stopping: bool = field(default=False, init=False)

    def run(self) -> int:
        """Start every part, keep them running, and return the exit code when all are over."""
        self._watched = [_Watched(part) for part in self.parts]
        for number in _FORWARDED:
            signal.signal(number, self._on_signal)
        while any(watched.exit_code is None for watched in self._watched):
            for watched in self._watched:
                self._look_after(watched, time.monotonic())
            time.sleep(_TICK_S)
        return max((watched.exit_code or 0 for watched in self._watched), default=EXIT_FINE)

    def _look_after(self, watched: _Watched, now: float) -> None:
        if watched.exit_code is not None:
            return
        if watched.process is None:
            self._start_when_due(watched, now)
            return
        code = watched.process.poll()
        if code is not None:
            self._ended(watched, code, now)

    def _start_when_due(self, watched: _Watched, now: float) -> None:
        if self._is_stopping:
            watched.exit_code = EXIT_FINE
            return
        if now < watched.start_at:
            return
        watched.started_at = now
        try:
            watched.process = _start(watched.part)
        except OSError as error:
            # No memory or no descriptors for a moment: a part that did not start is one that ended.
            log.error("%s cannot be started: %s", watched.part.name, error)  # noqa: TRY400  (no bug of ours)
            self._wait_longer(watched, now)
            return
        if self._is_stopping:
            # The signal came while the process was being made, and found nobody to be passed on to.
            watched.process.terminate()
        log.info("%s runs as process %d", watched.part.name, watched.process.pid)

    def _ended(self, watched: _Watched, code: int, now: float) -> None:
        watched.process = None
        if self._is_stopping or code in (EXIT_FINE, EXIT_OPERATOR):
            watched.exit_code = _exit_code(code)
            return
        is_healthy = now - watched.started_at >= self.backoff.healthy_after_s
        watched.has_run |= is_healthy or code != EXIT_WORLD
        if is_healthy:
            watched.failures = 0
        log.error("%s ended with %d", watched.part.name, code)
        if not watched.has_run and self._gives_up(watched, now):
            watched.exit_code = code
            return
        self._wait_longer(watched, now)

    def _gives_up(self, watched: _Watched, now: float) -> bool:
        """Say how long a first start is still tried; true where that time is over."""
        if watched.first_failed_at is None:
            watched.first_failed_at = now
        left_s = watched.first_failed_at + self.backoff.first_start_s - now
        if left_s > 0:
            log.error("%s has never run; it is given up in %.0f s", watched.part.name, left_s)
            return False
        log.error("%s could not be started; what it said above must be mended first", watched.part.name)
        return True

    def _wait_longer(self, watched: _Watched, now: float) -> None:
        watched.failures += 1
        wait_s = self.backoff.after(watched.failures)
        watched.start_at = now + wait_s
        log.error("%s starts again in %.1f s", watched.part.name, wait_s)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number in _STOPPING:
            self._is_stopping = True
        for watched in self._watched:
            if watched.process is not None:
                watched.process.send_signal(number)


def _start(part: Part) -> subprocess.Popen[bytes]:
    environment = {**os.environ, SUPERVISED: str(os.getpid())}
    # A process group of its own: Ctrl-C at the terminal reaches a part once, through us.
    return subprocess.Popen(part.command, env=environment, start_new_session=True)  # noqa: S603  (our own)


def _exit_code(code: int) -> int:
    # A process ended by a signal has no exit code; shells say 128 + the signal's number.
    return code if code >= 0 else 128 - code
