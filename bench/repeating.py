"""Something done again and again on a thread beside the runner, whose failure is not lost there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Repeating:
    """Repeats on its own thread while it is entered; an error ends it, and is raised where it is left."""

    def __init__(self, what: Callable[[], object], pause_s: float, *, waits_first: bool = False) -> None:
        self.times = 0
        """How often it came to its end."""
        self._what = what
        self._pause_s = pause_s
        self._waits_first = waits_first
        self._is_over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *ending: object) -> None:
        self._is_over.set()
        self._thread.join()
        # What already goes wrong is not to be hidden behind what went wrong beside it.
        if kind is None and self._failure is not None:
            raise self._failure

    def _repeat(self) -> None:
        if self._waits_first:
            self._is_over.wait(self._pause_s)
        try:
            while not self._is_over.is_set():
                self._what()
                self.times += 1
                self._is_over.wait(self._pause_s)
        except Exception as failure:  # noqa: BLE001  (raised again where the thread is joined)
            self._failure = failure
