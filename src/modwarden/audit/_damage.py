"""What of a file can be read where bytes of it are not what was written.

A reader proves nothing: altered bytes that still make rows are found by `audit verify` alone.
Here no byte, whatever it is, may end a reading of the other rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from modwarden.audit.schema import JOURNAL_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

# All that Arrow raises for bytes it cannot make sense of; a length out of all bounds is a MemoryError.
DAMAGE = (pa.ArrowException, OSError, MemoryError, ValueError, KeyError, TypeError)
_NEVER_NULL = ("sequence", "time", "kind")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Rows of one file that could not be read, from a sequence on."""

    file: str
    from_sequence: int
    why: str

    def __str__(self) -> str:
        return (
            f"{self.file}: rows from sequence {self.from_sequence} on could not be read: {self.why} "
            "(an unclean stop, or altered bytes: `audit verify` tells which)"
        )


def sound_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """
    Return a batch in the journal's own columns, once every value in it can be read.

    Columns no journal has are left out; SQL ignores case, so `CLIENT` would be taken for `client`.

    Raises:
        ArrowException, ValueError: it cannot be.
    """
    batch.validate(full=True)
    names = batch.schema.names
    columns = [
        batch.column(names.index(field.name)).cast(field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in JOURNAL_SCHEMA
    ]
    sound = pa.RecordBatch.from_arrays(columns, schema=JOURNAL_SCHEMA)
    for name in _NEVER_NULL:
        if sound.column(name).null_count:
            raise ValueError(f"{name} is missing")
    return sound


def sound_row_groups(path: Path) -> tuple[list[pa.RecordBatch], str]:
    """Return the rows of a Parquet file up to the first row group that cannot be read, and why it cannot."""
    batches: list[pa.RecordBatch] = []
    try:
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                group = file.read_row_group(index)
                batches += [sound_batch(batch) for batch in group.to_batches()]
    except DAMAGE as error:
        return batches, _first_line(error)
    return batches, "its bytes are not those of a journal"


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
