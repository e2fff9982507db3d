"""Find rows of a journal: filters pushed down into the files, whole batches of live segments added."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from modwarden.audit._damage import DAMAGE
from modwarden.audit._where import Where
from modwarden.audit.errors import JournalReadError, QueryError
from modwarden.audit.filter import Filter
from modwarden.audit.points import PointBook
from modwarden.audit.read import JournalDirectory, JournalSnapshot, SealedSegment
from modwarden.audit.rows import each_row
from modwarden.audit.schema import EVENT_SCHEMA, JOURNAL_SCHEMA

# Retention may remove a file between listing and opening it; a fresh listing then tells the truth.
_TRIES = 2
# Arrow says ValueError where columns are not those of a journal.
FAILURES = (duckdb.Error, *DAMAGE)


def query(
    journal: JournalDirectory,
    wanted: Filter,
    *,
    last: int | None = None,
    columns: Sequence[str] = EVENT_SCHEMA.names,
) -> pa.Table:
    """
    Return the rows that match, in order of sequence; only the `last` ones where a number is given.

    Fewer columns are read faster.

    Raises:
        QueryError: a filter names a function or point that does not exist.
        JournalReadError: a file of the journal cannot be read.
    """
    where = Where.of(wanted, PointBook(journal.policies))
    for _ in range(_TRIES):
        snapshot = journal.snapshot(wanted.after)
        try:
            return select(snapshot, where, last=last, columns=columns)
        except FAILURES:
            continue
    return select_readable(journal, snapshot, where, last=last, columns=columns)


def record(journal: JournalDirectory, sequence: int) -> dict[str, Any]:
    """
    Return one row by its sequence; its times are UTC nanoseconds.

    Raises:
        QueryError: the journal holds no such row.
    """
    found = query(journal, Filter(sequence=sequence, after=max(sequence - 1, 0)))
    for row in each_row(found):
        return row
    unread = "".join(f"\n{unreadable}" for unreadable in journal.unreadable)
    raise QueryError(f"{journal.path}: no record has sequence {sequence}{unread}")


def select_readable(
    journal: JournalDirectory,
    snapshot: JournalSnapshot,
    where: Where,
    *,
    last: int | None = None,
    columns: Sequence[str] = EVENT_SCHEMA.names,
) -> pa.Table:
    """
    Return the rows that match from a snapshot of which some file cannot be read.

    The journal remembers which one, and from which sequence on.

    Raises:
        JournalReadError: what is left cannot be read either.
    """
    sealed: list[SealedSegment] = []
    salvaged: list[pa.RecordBatch] = []
    for segment in snapshot.sealed:
        if _is_readable(segment, where, columns):
            sealed.append(segment)
        else:
            salvaged += journal.salvage(segment)
    rest = JournalSnapshot(tuple(sealed), (*salvaged, *snapshot.live))
    try:
        return select(rest, where, last=last, columns=columns)
    except FAILURES as error:
        raise JournalReadError(f"{journal.path}: {error}") from error


def _is_readable(segment: SealedSegment, where: Where, columns: Sequence[str]) -> bool:
    try:
        select(JournalSnapshot((segment,), ()), where, columns=columns)
    except FAILURES:
        return False
    return True


def select(
    snapshot: JournalSnapshot,
    where: Where,
    *,
    last: int | None = None,
    columns: Sequence[str] = EVENT_SCHEMA.names,
) -> pa.Table:
    """Return the rows of one snapshot that match."""
    schema = pa.schema([JOURNAL_SCHEMA.field(name) for name in columns])
    source, parameters = _source(snapshot)
    if source is None:
        return schema.empty_table()
    with duckdb.connect(config=_CONFIG) as connection:
        if snapshot.live:
            connection.register("live", pa.Table.from_batches(snapshot.live))
        names = ", ".join(f'"{name}"' for name in columns)
        order = "ORDER BY sequence" if last is None else f"ORDER BY sequence DESC LIMIT {last:d}"
        # Column names come from the schema, values only as parameters.
        text = f"SELECT {names} FROM ({source}) WHERE {where.text} {order}"  # noqa: S608
        found = connection.sql(text, params=[*parameters, *where.parameters]).to_arrow_table()
    table = found.cast(schema)
    return table if last is None else table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))


def _source(snapshot: JournalSnapshot) -> tuple[str | None, list[object]]:
    parts: list[str] = []
    parameters: list[object] = []
    if snapshot.sealed:
        parts.append("SELECT * FROM read_parquet(?, union_by_name = true)")
        parameters.append([str(segment.path) for segment in snapshot.sealed])
    if snapshot.live:
        parts.append("SELECT * FROM live")
    return (" UNION ALL BY NAME ".join(parts) or None), parameters


# Nothing may be fetched from the network while reading evidence.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
