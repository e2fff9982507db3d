"""Keeps the control socket open beside a guard that goes on with or without it.

Kept true here: a socket that cannot be bound is an alarm in the log and tried again; it never
ends or holds up the guard.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Self

from modwarden.guard.socket_server import ControlServer

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.guard.socket_server import Controlled

log = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
# A folder that was mended is noticed within this time.
LONGEST_WAIT_S = 30.0


class ControlSocket:
    """The control socket of one guard, bound as soon as that is possible."""

    def __init__(self, path: Path, guard: Controlled) -> None:
        self._path = path
        self._guard = guard
        self._server: ControlServer | None = None
        self._alarm: str | None = None
        self._wait_s = FIRST_WAIT_S
        self._try_at = 0.0

    def __enter__(self) -> Self:
        self.look_after()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def look_after(self) -> None:
        """Bind the socket where it is not bound, or nobody answers there any more, and another try is due."""
        if self._server is not None and not self._server.is_alive:
            self._tell("its thread ended")
            self.close()
            self._server = None
        if self._server is not None or time.monotonic() < self._try_at:
            return
        try:
            self._server = ControlServer(self._path, self._guard)
        except Exception as error:  # noqa: BLE001  (whatever it is: the process comes first)
            self._tell(str(error) or type(error).__name__)
            self._try_at = time.monotonic() + self._wait_s
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
            return
        if self._alarm is not None:
            log.warning("the control socket answers now: %s", self._path)
            self._alarm = None

    def close(self) -> None:
        """Stop answering; what stands in the way of that must not keep the guard from its end."""
        if self._server is None:
            return
        try:
            self._server.close()
        except OSError as error:
            log.warning("the control socket cannot be removed: %s", error)

    def _tell(self, why: str) -> None:
        # The same words every half minute would hide whatever else the log says.
        if why != self._alarm:
            log.error(
                "no control socket: %s. The guard goes on without it and keeps trying; "
                "until then `status`, `top`, `reload` and metrics have no answer, SIGHUP reloads",
                why,
            )
        self._alarm = why
