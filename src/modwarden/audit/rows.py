"""Rows of a table as mappings, with times that keep their nanoseconds."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from modwarden.audit.schema import EVENT_SCHEMA

TIMES = ("time", "previous_time")
_BATCH_ROWS = 4096


def each_row(rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as mappings, a batch at a time; times are nanoseconds, columns not asked for None."""
    plain = rows
    for name in TIMES:
        if name in plain.column_names:
            index = plain.column_names.index(name)
            plain = plain.set_column(index, name, plain[name].cast(pa.int64()))
    empty = dict.fromkeys(EVENT_SCHEMA.names)
    for batch in plain.to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist():
            yield empty | row
