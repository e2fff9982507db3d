"""Find rows of a journal: filters pushed down into the files, whole batches of live segments added."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from modwarden.audit._damage import DAMAGE
from modwarden.audit._where import Where
from modwarden.audit.errors import JournalReadError, QueryError
from modwarden.audit.filter import Filter
from modwarden.audit.points import PointBook
from modwarden.audit.read import JournalDirectory, JournalSnapshot
from modwarden.audit.rows import each_row
from modwarden.audit.schema import EVENT_SCHEMA, JOURNAL_SCHEMA

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
    try:
        return select(journal.snapshot(wanted.after), where, last=last, columns=columns)
    except FAILURES:
        # Retention may have removed a file between listing and opening it: a fresh listing tells the truth.
        snapshot = journal.snapshot(wanted.after)
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

    Each sound file is read once: what is found in some is kept, and only where a reading fails is it split.
    The journal remembers which file is damaged, and from which sequence on.

    Raises:
        JournalReadError: what is left cannot be read either.
    """
    taken = list(dict.fromkeys([*columns, "sequence"]))
    found: list[pa.Table] = []
    salvaged: list[pa.RecordBatch] = []
    waiting = [snapshot.sealed]
    while waiting:
        segments = waiting.pop()
        try:
            found.append(select(JournalSnapshot(segments, ()), where, last=last, columns=taken))
        except FAILURES:
            if len(segments) > 1:
                middle = len(segments) // 2
                waiting += [segments[:middle], segments[middle:]]
            else:
                salvaged += journal.salvage(*segments)
    try:
        rest = JournalSnapshot((), (*salvaged, *snapshot.live))
        found.append(select(rest, where, last=last, columns=taken))
        return _in_order(pa.concat_tables(found), last).select(list(columns))
    except FAILURES as error:
        raise JournalReadError(f"{journal.path}: {error}") from error


def _in_order(rows: pa.Table, last: int | None) -> pa.Table:
    rows = rows.take(pc.sort_indices(rows["sequence"]))
    return rows if last is None else rows.slice(max(rows.num_rows - last, 0))


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
