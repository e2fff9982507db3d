"""Read a journal directory while its guard goes on writing.

Kept true here:
* whole batches only: a torn last batch is not there yet, never an error;
* no row twice and none missed while a segment is sealed under the reader: live
  segments are read first, sealed ones listed after, and a sealed one replaces
  its live original;
* nothing is opened for writing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from modwarden.audit.errors import JournalReadError
from modwarden.audit.schema import JOURNAL_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

_SEALED = re.compile(r"(\d{20})-(\d{20})\.parquet")
_LIVE = re.compile(r"(\d{20})\.arrows")


# Arrow IPC: what a writer that closes its stream puts last; a journal's writer need not.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


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
    _header: bytes = b""
    _offset: int = 0

    def read_new(self) -> list[pa.RecordBatch]:
        """Return the batches completed since the last call; none where the file has gone."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        if not self._header:
            self._header = _header(fresh)
            self._offset = len(self._header)
            fresh = fresh[self._offset :]
        batches, consumed = _whole_batches(self._header, fresh)
        self._offset += consumed
        rest = fresh[consumed:]
        self.unread_bytes = 0 if rest == _END_OF_STREAM else len(rest)
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
        self._unread: dict[Path, int] = {}

    @property
    def unread(self) -> tuple[str, ...]:
        """Say of the last snapshot which bytes were no whole batch; nobody may take a gap for silence."""
        return tuple(
            f"{path.name}: {count:,} bytes at the end cannot be read: a row is being written, "
            "an unclean stop, or altered bytes; `audit verify` tells which"
            for path, count in self._unread.items()
            if count
        )

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
        growing = [(segment.first, segment.read_new()) for segment in segments]
        self._unread = {segment.path: segment.unread_bytes for segment in segments}
        sealed = self.sealed()
        replaced = {segment.first for segment in sealed}
        live = [
            batch
            for first, batches in growing
            if first not in replaced
            for batch in batches
            if last_sequence(batch) > after
        ]
        return JournalSnapshot(tuple(seg for seg in sealed if seg.last > after), tuple(live))


def last_sequence(batch: pa.RecordBatch) -> int:
    """Return the highest sequence of a batch; 0 where it is empty."""
    if batch.num_rows == 0:
        return 0
    return int(batch.column("sequence")[batch.num_rows - 1].as_py())


def _known_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Leave out columns no journal has: SQL ignores case, so `CLIENT` would be taken for `client`."""
    first: dict[str, int] = {}
    for index, name in enumerate(batch.schema.names):
        if name in JOURNAL_SCHEMA.names:
            first.setdefault(name, index)
    return batch.select(list(first.values()))


def _header(stream: bytes) -> bytes:
    """Cut the schema off the front of a stream; empty while it is not whole yet."""
    source = pa.BufferReader(stream)
    try:
        pa.ipc.open_stream(source)
    except (pa.ArrowInvalid, OSError):
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
            batches.append(_known_columns(reader.read_next_batch()))
            consumed = source.tell() - len(header)
    except (StopIteration, pa.ArrowInvalid, OSError):
        return batches, consumed
