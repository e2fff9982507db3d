"""Read a journal directory while its guard goes on writing.

Kept true here:
* whole batches only: a batch that is being written is not there yet, never an error;
* what cannot be read is said, with its file and from which sequence on; the rest is read all the same;
* no row twice and none missed while a segment is sealed under the reader: live
  segments are read first, sealed ones listed after, and a sealed one replaces
  its live original;
* nothing is opened for writing.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from modwarden.audit._damage import DAMAGE, Unreadable, sound_batch, sound_row_groups
from modwarden.audit.errors import JournalReadError

if TYPE_CHECKING:
    from pathlib import Path

_SEALED = re.compile(r"(\d{20})-(\d{20})\.parquet")
_LIVE = re.compile(r"(\d{20})\.arrows")


# Arrow IPC: what a writer that closes its stream puts last; a journal's writer need not.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
# A commit is one write: what is no whole batch after this time is not being written any more.
WRITE_PATIENCE_S = 0.5
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A finished file, and the sequences in it."""

    path: Path
    first: int
    last: int


@dataclass(slots=True)
class LiveSegment:
    """A file that still grows, read from where the last reading ended."""

    path: Path
    first: int
    unread_bytes: int = 0
    _error: str | None = None
    _next: int = 0
    _header: bytes = b""
    _offset: int = 0

    @property
    def unreadable(self) -> Unreadable | None:
        """Say what the last reading could not read; a batch that is being written looks the same."""
        if self._error is None and not self.unread_bytes:
            return None
        why = self._error or f"{self.unread_bytes:,} bytes are no whole batch"
        return Unreadable(self.path.name, max(self._next, self.first), why)

    def read_new(self) -> list[pa.RecordBatch]:
        """Return the batches completed since the last call; none where the file has gone."""
        self._error, self.unread_bytes = None, 0
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            self._error = error.strerror or str(error)
            return []
        if not self._header:
            self._header = _header(fresh)
            self._offset = len(self._header)
            fresh = fresh[self._offset :]
        batches, consumed = _whole_batches(self._header, fresh)
        self._offset += consumed
        self._next = max([self._next, *(last_sequence(batch) + 1 for batch in batches)])
        rest = fresh[consumed:]
        self.unread_bytes = 0 if rest == _END_OF_STREAM else len(rest)
        return batches

    def read_settled(self) -> list[pa.RecordBatch]:
        """
        Return new batches, and wait for the one that is being written.

        A file whose end stands still, and still is no whole batch, stays `unreadable`.
        """
        batches = self.read_new()
        until = time.monotonic() + WRITE_PATIENCE_S
        while self.unread_bytes and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_S)
            if more := self.read_new():
                # It grows: whatever is behind the newest whole batch is not there yet.
                self.unread_bytes = 0
                batches += more
        return batches


@dataclass(frozen=True, slots=True)
class JournalSnapshot:
    """What a journal held at one moment: files to scan, and rows of live segments."""

    sealed: tuple[SealedSegment, ...]
    live: tuple[pa.RecordBatch, ...]


class JournalDirectory:
    """One journal on disk."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            message = f"{path}: no journal directory"
            raise JournalReadError(message)
        self.path = path
        self._unreadable: dict[str, Unreadable] = {}

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """What readings so far could not read; nobody may take a gap for silence."""
        return tuple(self._unreadable.values())

    def tell(self, unreadable: Unreadable) -> None:
        """Remember what could not be read."""
        self._unreadable[unreadable.file] = unreadable

    @property
    def policies(self) -> Path:
        """Where each policy's full text is kept under its digest."""
        return self.path / "policies"

    def sealed(self) -> tuple[SealedSegment, ...]:
        """Return the finished segments, oldest first."""
        return tuple(
            SealedSegment(path, int(match[1]), int(match[2]))
            for path in sorted(self.path.iterdir())
            if (match := _SEALED.fullmatch(path.name))
        )

    def live(self) -> tuple[LiveSegment, ...]:
        """Return the growing segments, oldest first; more than one only after an unclean stop."""
        return tuple(
            LiveSegment(path, int(match[1]))
            for path in sorted(self.path.iterdir())
            if (match := _LIVE.fullmatch(path.name))
        )

    def snapshot(self, after: int = 0) -> JournalSnapshot:
        """Return all rows whose sequence is beyond a cursor."""
        segments = self.live()
        growing = [(segment.first, segment.read_settled()) for segment in segments]
        sealed = self.sealed()
        replaced = {segment.first for segment in sealed}
        for segment in segments:
            if segment.unreadable is not None and segment.first not in replaced:
                self.tell(segment.unreadable)
        live = [
            batch
            for first, batches in growing
            if first not in replaced
            for batch in batches
            if last_sequence(batch) > after
        ]
        return JournalSnapshot(tuple(seg for seg in sealed if seg.last > after), tuple(live))

    def salvage(self, segment: SealedSegment) -> list[pa.RecordBatch]:
        """Return the rows of a damaged sealed file up to the damage, and remember from where on it is."""
        if not os.path.lexists(segment.path):
            # Retention took it meanwhile: it is no part of the journal any more.
            return []
        batches, why = sound_row_groups(segment.path)
        following = max((last_sequence(batch) + 1 for batch in batches), default=segment.first)
        self.tell(Unreadable(segment.path.name, following, why))
        return batches


def last_sequence(batch: pa.RecordBatch) -> int:
    """Return the highest sequence of a batch; 0 where it is empty."""
    if batch.num_rows == 0:
        return 0
    return int(batch.column("sequence")[batch.num_rows - 1].as_py())


def _header(stream: bytes) -> bytes:
    """Cut the schema off the front of a stream; empty while it is not whole yet."""
    source = pa.BufferReader(stream)
    try:
        pa.ipc.open_stream(source)
    except DAMAGE:
        return b""
    return stream[: source.tell()]


def _whole_batches(header: bytes, body: bytes) -> tuple[list[pa.RecordBatch], int]:
    """Return the complete batches and how many bytes of the body they took."""
    batches: list[pa.RecordBatch] = []
    consumed = 0
    if not header:
        return batches, consumed
    source = pa.BufferReader(header + body)
    try:
        reader = pa.ipc.open_stream(source)
        while True:
            batches.append(sound_batch(reader.read_next_batch()))
            consumed = source.tell() - len(header)
    except (StopIteration, *DAMAGE):
        return batches, consumed
