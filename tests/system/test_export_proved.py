"""An export of a real journal proves itself, and nothing can be changed in it unseen."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import Talk, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.guard import GuardChild


pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def wanted() -> Wanted:
    return Wanted(rules=("name: all, clients: [hmi-1], permit: [read, write]",))


@pytest.fixture
def guard(guarded: Guarded) -> GuardChild:
    """A guard that ran twice, and has stopped."""
    guard = guarded.guard
    for run in (1, 2):
        guard.start()
        with Talk(guarded.address, HMI) as talk:
            for value in range(20):
                talk.ask(write(value, run))
                talk.ask(read(value))
        assert guard.stop() == 0, guard.log
    return guard


def _export(guard: GuardChild, *options: str) -> Path:
    done = guard.ask("audit", "export", str(guard.journal), "--to", "out", *options)
    assert done.returncode == 0, done.stderr
    return guard.folder / "out"


def _verified(guard: GuardChild, folder: Path) -> tuple[int, dict[str, Any]]:
    key = re.findall(r"public key elsewhere: ([0-9a-f]{64})", guard.log)[0]
    done = guard.ask("audit", "verify", str(folder), "--public-key", key, "--json")
    return done.returncode, json.loads(done.stdout)


def _rewrite(folder: Path, rows: pa.Table) -> None:
    pq.write_table(rows, folder / "events.parquet")
    # Whoever alters rows can alter the manifest as well.
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = [entry for entry in manifest["files"] if entry["path"] != "events.parquet"]
    sequences = rows["sequence"].to_pylist()
    manifest |= {"rows": len(sequences), "first_sequence": sequences[0], "last_sequence": sequences[-1]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_an_altered_a_removed_and_a_swapped_row_are_found(guard: GuardChild) -> None:
    folder = _export(guard)
    rows = pq.read_table(folder / "events.parquet")
    addresses = rows["address"].to_pylist()
    at = addresses.index(7)
    addresses[at] = 8
    column = rows.column_names.index("address")
    swapped = [*range(at), at + 1, at, *range(at + 2, rows.num_rows)]
    for forged in (
        rows.set_column(column, rows.schema.field(column), pa.array(addresses, pa.uint16())),
        pa.concat_tables([rows.slice(0, at), rows.slice(at + 1)]),
        rows.take(swapped),
    ):
        _rewrite(folder, forged)
        code, said = _verified(guard, folder)

        assert (code, said["ok"]) == (1, False)


def test_the_whole_record_exported_is_sound_across_both_runs(guard: GuardChild) -> None:
    code, said = _verified(guard, _export(guard))

    assert (code, said["findings"]) == (0, [])
    assert said["segments"] == 2
    assert said["unproven_rows"] == 0
    assert "excerpt" in said["limits"][0]


def test_a_span_of_the_record_is_sound_and_small(guard: GuardChild) -> None:
    writes = guard.records("--function", "6")
    second_run = next(row["time"] for row in writes if row.get("values") == [2])
    code, said = _verified(guard, _export(guard, "--since", second_run))

    assert (code, said["findings"]) == (0, [])
    assert 0 < said["rows"] < len(guard.records())


def test_another_guards_key_proves_nothing(guard: GuardChild) -> None:
    folder = _export(guard)
    done = guard.ask("audit", "verify", str(folder), "--public-key", "ab" * 32)

    assert done.returncode == 1
    assert "not the one given" in done.stdout


def test_a_selection_says_that_it_proves_nothing(guard: GuardChild) -> None:
    folder = _export(guard, "--function", "write")
    done = guard.ask("audit", "verify", str(folder))

    assert done.returncode == 1
    assert "nothing here can be proved: a selection of rows leaves out rows of the chain" in done.stdout


def test_a_manifest_laid_into_a_journal_makes_no_excerpt_of_it(guard: GuardChild) -> None:
    folder = _export(guard)
    journal = guard.folder / "copy"
    shutil.copytree(guard.journal, journal)
    for name in ("manifest.json", "events.parquet"):
        shutil.copy(folder / name, journal / name)
    code, said = _verified(guard, journal)

    assert (code, said["ok"]) == (1, False)
    assert [finding["file"] for finding in said["findings"]] == ["manifest.json"]
