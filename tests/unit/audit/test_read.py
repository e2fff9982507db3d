"""Reading a journal directory while it is written."""

from pathlib import Path
from typing import Any

import pytest

from modwarden.audit import Filter, JournalDirectory, JournalReadError, PointBook, Tail, query


def _sequences(journal: JournalDirectory, **wanted: Any) -> list[int]:
    return list(query(journal, Filter(**wanted))["sequence"].to_pylist())


def test_a_directory_that_is_none_is_an_error_of_the_world(tmp_path: Path) -> None:
    with pytest.raises(JournalReadError) as raised:
        JournalDirectory(tmp_path / "nowhere")

    assert raised.value.exit_code == 3


def test_an_empty_journal_has_no_rows(written: Any) -> None:
    assert _sequences(JournalDirectory(written.path)) == []


def test_a_live_file_torn_at_any_byte_gives_whole_batches_only(written: Any, rows: Any) -> None:
    path = written.grow(rows(1, 2), rows(3, 3))
    whole = path.read_bytes()
    seen = set()
    for cut in (*range(0, len(whole), 61), len(whole)):
        path.write_bytes(whole[:cut])
        seen.add(tuple(_sequences(JournalDirectory(written.path))))

    assert seen == {(), (1, 2), (1, 2, 3)}


def test_sealed_and_live_rows_come_together_in_order(written: Any, rows: Any) -> None:
    written.seal(rows(1, 3))
    written.grow(rows(4, 5))

    assert _sequences(JournalDirectory(written.path)) == [1, 2, 3, 4, 5]


def test_a_segment_seen_both_live_and_sealed_counts_once(written: Any, rows: Any) -> None:
    written.grow(rows(1, 3))
    written.seal(rows(1, 3))

    assert _sequences(JournalDirectory(written.path)) == [1, 2, 3]


def test_the_cursor_leaves_out_what_was_read_before(written: Any, rows: Any) -> None:
    written.seal(rows(1, 3))
    written.grow(rows(4, 5))

    assert _sequences(JournalDirectory(written.path), after=2) == [3, 4, 5]


def test_tail_gives_each_row_once_across_growth_and_sealing(written: Any, rows: Any) -> None:
    journal = JournalDirectory(written.path)
    live = written.grow(rows(1, 2))
    tail = Tail(journal, Filter(), PointBook(journal.policies))
    taken = [tail.new_rows()["sequence"].to_pylist()]
    written.grow(rows(1, 2), rows(3, 4))
    taken.append(tail.new_rows()["sequence"].to_pylist())
    written.seal(rows(1, 5))
    live.unlink()
    taken.append(tail.new_rows()["sequence"].to_pylist())
    written.grow(rows(6, 6))
    taken.extend(tail.new_rows()["sequence"].to_pylist() for _ in range(2))

    assert taken == [[1, 2], [3, 4], [5], [6], []]


def test_tail_from_now_begins_behind_the_newest_row(written: Any, rows: Any) -> None:
    written.grow(rows(1, 2))
    journal = JournalDirectory(written.path)
    tail = Tail.from_now(journal, Filter(), PointBook(journal.policies))
    written.grow(rows(1, 2), rows(3, 3))

    assert tail.new_rows()["sequence"].to_pylist() == [3]
