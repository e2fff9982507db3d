"""What cannot be read is said with its file and sequence, and ends no reading of the rest."""

import importlib
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modwarden.audit import Filter, JournalDirectory, PointBook, QueryError, Tail, Unreadable, query, record
from modwarden.audit.read import JournalSnapshot
from modwarden.audit.schema import JOURNAL_SCHEMA
from modwarden.cli.app import main

# The function of this name hides its module.
query_module = importlib.import_module("modwarden.audit.query")


def _sequences(journal: JournalDirectory) -> list[int]:
    return list(query(journal, Filter())["sequence"].to_pylist())


def _places(journal: JournalDirectory) -> list[tuple[str, int]]:
    return [(unreadable.file, unreadable.from_sequence) for unreadable in journal.unreadable]


def _alter(path: Path, at: int, bit: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content)


def _seal_in_groups(written: Any, rows: list[dict[str, Any]], group: int) -> Path:
    first, last = rows[0]["sequence"], rows[-1]["sequence"]
    path: Path = written.path / f"{first:020}-{last:020}.parquet"
    pq.write_table(written.table(rows), path, compression="zstd", row_group_size=group)
    return path


def test_any_altered_byte_of_a_live_file_leaves_the_whole_batches_before_it(written: Any, rows: Any) -> None:
    written.seal(rows(1, 3))
    path = written.grow(rows(4, 5), rows(6, 7))
    whole, dice = path.read_bytes(), random.Random(7)
    seen = set()
    for _ in range(150):
        content = bytearray(whole)
        content[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(content)
        seen.add(len(_sequences(JournalDirectory(written.path))))

    assert {3, 5, 7} >= seen


def test_text_that_is_none_in_the_last_batch_is_said_from_its_sequence_on(written: Any, rows: Any) -> None:
    path = written.grow(rows(1, 2), rows(3, 3, rule="the-last-rule"))
    _alter(path, path.read_bytes().index(b"the-last-rule"))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [1, 2]
    assert _places(journal) == [(path.name, 3)]


def test_a_torn_end_that_stands_still_is_said(written: Any, rows: Any) -> None:
    path = written.grow(rows(1, 2), rows(3, 3))
    path.write_bytes(path.read_bytes()[:-20])
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [1, 2]
    assert _places(journal) == [(path.name, 3)]


def test_a_batch_that_is_still_being_written_is_no_damage(
    written: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written.grow(rows(1, 2), rows(3, 3))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    monkeypatch.setattr("modwarden.audit.read.WRITE_PATIENCE_S", 30.0)
    monkeypatch.setattr("modwarden.audit.read.time.sleep", lambda _: path.write_bytes(whole))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [1, 2, 3]
    assert journal.unreadable == ()


def test_a_damaged_row_group_leaves_the_row_groups_before_it(written: Any, rows: Any) -> None:
    path = _seal_in_groups(written, rows(1, 6), 2)
    written.grow(rows(7, 8))
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    _alter(path, chunk.data_page_offset)
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [1, 2, 7, 8]
    assert _places(journal) == [(path.name, 3)]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a Parquet file at all"])
def test_a_sealed_file_that_is_none_is_said_and_the_others_are_read(
    written: Any, rows: Any, content: bytes
) -> None:
    path = written.seal(rows(1, 3))
    path.write_bytes(content)
    written.seal(rows(4, 5))
    written.grow(rows(6, 6))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [4, 5, 6]
    assert _places(journal) == [(path.name, 1)]


def test_past_damage_each_sound_file_is_read_once(
    written: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = [written.seal(rows(first, first + 1)) for first in range(1, 65, 2)]
    sealed[9].write_bytes(b"nothing")
    read: list[Path] = []
    select = query_module.select

    def noting(snapshot: JournalSnapshot, *arguments: Any, **options: Any) -> pa.Table:
        found = select(snapshot, *arguments, **options)
        read.extend(segment.path for segment in snapshot.sealed)
        return found

    monkeypatch.setattr(query_module, "select", noting)
    found = _sequences(JournalDirectory(written.path))

    assert found == [*range(1, 19), *range(21, 65)]
    assert sorted(read) == [path for path in sealed if path != sealed[9]]


def test_past_damage_only_the_last_rows_are_given_where_only_those_are_wanted(
    written: Any, rows: Any
) -> None:
    written.seal(rows(1, 3))
    written.seal(rows(4, 5)).write_bytes(b"nothing")
    written.grow(rows(6, 7))
    journal = JournalDirectory(written.path)

    found = query(journal, Filter(), last=3, columns=["kind", "sequence"])

    assert found["sequence"].to_pylist() == [3, 6, 7]
    assert query(journal, Filter(), columns=["kind"]).column_names == ["kind"]


def test_a_truncated_sealed_file_is_said(written: Any, rows: Any) -> None:
    path = written.seal(rows(1, 3))
    path.write_bytes(path.read_bytes()[:-100])
    written.grow(rows(4, 4))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [4]
    assert _places(journal) == [(path.name, 1)]


def test_a_parquet_file_of_something_else_is_said(written: Any, rows: Any) -> None:
    path = written.seal(rows(1, 3))
    pq.write_table(pa.table({"sequence": ["one", "two"]}), path)
    written.grow(rows(4, 4))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [4]
    assert _places(journal) == [(path.name, 1)]


def test_files_that_cannot_be_opened_are_said(written: Any, rows: Any) -> None:
    sealed, live = written.seal(rows(1, 3)), written.grow(rows(4, 4))
    for path in (sealed, live):
        path.unlink()
        # Nobody, root included, can open a link that leads to itself.
        path.symlink_to(path.name)
    written.seal(rows(5, 6))
    journal = JournalDirectory(written.path)

    assert _sequences(journal) == [5, 6]
    assert sorted(_places(journal)) == [(sealed.name, 1), (live.name, 4)]


def test_a_file_that_retention_took_meanwhile_is_no_damage(
    written: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = written.seal(rows(1, 3))
    written.seal(rows(4, 5))
    journal = JournalDirectory(written.path)
    listed = journal.sealed()
    monkeypatch.setattr(journal, "sealed", lambda: listed)
    gone.unlink()

    assert _sequences(journal) == [4, 5]
    assert journal.unreadable == ()


def test_a_tail_goes_on_behind_a_file_that_cannot_be_read(written: Any, rows: Any) -> None:
    journal = JournalDirectory(written.path)
    tail = Tail(journal, Filter(), PointBook(journal.policies))
    live = written.grow(rows(1, 2), rows(3, 3))
    live.write_bytes(live.read_bytes()[:-20])
    taken = [tail.new_rows()["sequence"].to_pylist()]
    taken.append(tail.new_rows()["sequence"].to_pylist())
    written.seal(rows(4, 5)).write_bytes(b"nothing")
    written.grow(rows(6, 6))
    taken.append(tail.new_rows()["sequence"].to_pylist())

    assert taken == [[1, 2], [], [6]]
    assert [place[1] for place in _places(journal)] == [3, 4]


def test_a_record_that_may_be_in_a_damaged_file_is_not_said_to_be_none(written: Any, rows: Any) -> None:
    written.seal(rows(1, 3)).write_bytes(b"nothing")
    with pytest.raises(QueryError, match=r"no record has sequence 2\n.*from sequence 1 on could not be read"):
        record(JournalDirectory(written.path), 2)


@pytest.mark.parametrize("command", [["query"], ["tail", "--no-follow"], ["export", "--to", "out"]])
def test_the_commands_show_the_rest_and_end_as_findings(
    written: Any, rows: Any, command: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = written.seal(rows(1, 3))
    path.write_bytes(b"nothing")
    written.grow(rows(4, 4))
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        code = main(["audit", command[0], str(written.path), *command[1:]])
    finally:
        os.chdir(before)
    said = capfd.readouterr()

    assert code == 1
    assert f"{path.name}: rows from sequence 1 on could not be read" in said.err
    assert "Traceback" not in said.err


def test_a_batch_in_an_older_journal_lacks_columns_and_is_sound(written: Any, rows: Any) -> None:
    table = written.table(rows(1, 2)).drop_columns(["count"])
    with (written.path / f"{1:020}.arrows").open("wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)

    assert query(JournalDirectory(written.path), Filter()).num_rows == 2
    assert "count" in JOURNAL_SCHEMA.names


def test_what_could_not_be_read_is_one_line() -> None:
    assert str(Unreadable("a.arrows", 7, "no batch")).startswith(
        "a.arrows: rows from sequence 7 on could not be read: no batch"
    )
