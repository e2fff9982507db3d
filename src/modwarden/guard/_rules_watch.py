"""Looks now and then whether a host's rules still are what a start found: nobody tells who deletes them."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from modwarden.guard._loaded import NotLoadedError, check_loaded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modwarden.model import Diversion

log = logging.getLogger(__name__)

# A look starts a few short processes beside the data loop: seldom enough to cost nothing there.
EVERY_S = 30.0


class RulesWatch:
    """The last look, and the next; each on a thread, for the tools may take their time."""

    def __init__(self) -> None:
        self.missing: str | None = None
        self._next_at = time.monotonic() + EVERY_S
        self._thread: threading.Thread | None = None

    def look(self, diversions: Sequence[Diversion]) -> None:
        """Begin a look where one is due; at once, whatever it finds."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if not diversions:
            self.missing = None
        elif not is_busy and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + EVERY_S
            self._thread = threading.Thread(
                target=self._check, args=(diversions,), name="rules watch", daemon=True
            )
            self._thread.start()

    def wait(self) -> None:
        """Wait for the look under way."""
        if self._thread is not None:
            self._thread.join()

    def metrics(self, diversions: Sequence[Diversion]) -> str:
        """Give Prometheus text; none without transparent conduits."""
        if not diversions:
            return ""
        return (
            "# HELP modwarden_rules_loaded 1 while the host's rules and routes are those of its conduits.\n"
            f"# TYPE modwarden_rules_loaded gauge\nmodwarden_rules_loaded {int(self.missing is None)}\n"
        )

    def _check(self, diversions: Sequence[Diversion]) -> None:
        try:
            check_loaded(diversions)
        except NotLoadedError as error:
            missing = " ".join(str(error).split())
            if missing != self.missing:
                log.error("%s", missing)  # noqa: TRY400  (no bug of ours)
            self.missing = missing
        else:
            self.missing = None
