"""Follow a journal as it grows: whole batches, each row once, across sealing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import pyarrow as pa

from modwarden.audit._where import Where
from modwarden.audit.filter import Filter
from modwarden.audit.points import PointBook
from modwarden.audit.query import FAILURES, select, select_readable
from modwarden.audit.read import (
    WRITE_PATIENCE_S,
    JournalDirectory,
    JournalSnapshot,
    LiveSegment,
    last_sequence,
)
from modwarden.audit.schema import EVENT_SCHEMA

# The journal commits at least every 200 ms; looking as often shows each batch at once.
POLL_S = 0.2


@dataclass(slots=True)
class Tail:
    """
    New rows of a journal beyond a cursor.

    Each growing file is read from where its last reading ended. What a file
    held that was sealed and removed in between is taken from the sealed one.
    """

    journal: JournalDirectory
    wanted: Filter
    book: PointBook
    cursor: int = 0
    _growing: dict[int, LiveSegment] = field(default_factory=dict)
    _stuck_since: dict[int, float] = field(default_factory=dict)

    @classmethod
    def from_now(cls, journal: JournalDirectory, wanted: Filter, book: PointBook) -> Self:
        """Begin behind the newest row there is."""
        return cls(journal, wanted, book, newest_sequence(journal.snapshot()))

    def follow(self, *, poll_s: float = POLL_S) -> Iterator[pa.Table]:
        """Yield new rows for ever."""
        while True:
            rows = self.new_rows()
            # Also an empty table is news to whoever watches what cannot be read.
            yield rows
            time.sleep(poll_s)

    def new_rows(self) -> pa.Table:
        """Return the rows that match and that no earlier call has passed."""
        news = self._news()
        if not news.sealed and not news.live:
            return EVENT_SCHEMA.empty_table()
        where = Where.of(replace(self.wanted, after=self.cursor), self.book)
        try:
            rows = select(news, where)
        except FAILURES:
            rows = select_readable(self.journal, news, where)
        self.cursor = newest_sequence(news)
        return rows

    def _news(self) -> JournalSnapshot:
        """Read what grew, then list what was sealed: in this order no row is missed."""
        growing = {
            segment.first: self._growing.get(segment.first, segment) for segment in self.journal.live()
        }
        batches = {first: segment.read_new() for first, segment in growing.items()}
        sealed = self.journal.sealed()
        replaced = {segment.first for segment in sealed}
        self._growing = growing
        for segment in growing.values():
            self._look_whether_stuck(segment, is_new=bool(batches[segment.first]))
        return JournalSnapshot(
            sealed=tuple(segment for segment in sealed if segment.last > self.cursor),
            live=tuple(
                batch
                for first, new in batches.items()
                if first not in replaced
                for batch in new
                if last_sequence(batch) > self.cursor
            ),
        )

    def _look_whether_stuck(self, segment: LiveSegment, *, is_new: bool) -> None:
        """A file whose end is no whole batch for longer than any write takes cannot be read."""
        if is_new or segment.unreadable is None:
            self._stuck_since.pop(segment.first, None)
            return
        since = self._stuck_since.setdefault(segment.first, time.monotonic())
        if time.monotonic() - since >= WRITE_PATIENCE_S:
            self.journal.tell(segment.unreadable)


def newest_sequence(snapshot: JournalSnapshot) -> int:
    """Return the last sequence of a snapshot; 0 where it is empty."""
    sealed = max((segment.last for segment in snapshot.sealed), default=0)
    return max(sealed, max((last_sequence(batch) for batch in snapshot.live), default=0))
