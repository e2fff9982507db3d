"""What systemd's watchdog does to a service: hears its signs of life, and kills it when they stop."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType


class ServiceManager:
    """The socket that `NOTIFY_SOCKET` names, and the patience that `WATCHDOG_USEC` tells."""

    def __init__(self, folder: Path, watchdog_s: float) -> None:
        self.environment = {
            "NOTIFY_SOCKET": str(folder / "notify.sock"),
            "WATCHDOG_USEC": str(round(watchdog_s * 1e6)),
        }
        self.heard: list[str] = []
        self.has_killed = threading.Event()
        self._watchdog_s = watchdog_s
        self._ending = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.environment["NOTIFY_SOCKET"])
        self._socket.settimeout(0.05)
        self._kill: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._watch, name="service manager")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def watch(self, kill: Callable[[], None]) -> None:
        """From the first sign of life on, call this when none comes in time."""
        self._kill = kill

    def _watch(self) -> None:
        last: float | None = None
        while not self._ending.is_set():
            try:
                word = self._socket.recv(4096).decode()
            except TimeoutError:
                pass
            else:
                self.heard.append(word)
                last = time.monotonic()
            is_late = last is not None and time.monotonic() - last > self._watchdog_s
            if is_late and self._kill is not None and not self.has_killed.is_set():
                self._kill()
                self.has_killed.set()
