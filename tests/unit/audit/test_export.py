"""An export holds what its manifest says."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from modwarden.audit import (
    ExportForm,
    Filter,
    JournalDirectory,
    JournalReadError,
    Proof,
    QueryError,
    export,
    verify,
)


@pytest.fixture
def journal(written: Any, rows: Any) -> JournalDirectory:
    written.seal(rows(1, 3))
    (written.path / "keys.json").write_text("[]")
    written.grow(rows(4, 5))
    return JournalDirectory(written.path)


def test_a_folder_that_holds_something_is_left_alone(journal: JournalDirectory, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(QueryError, match="not an empty folder"):
        export(journal, Filter(), tmp_path / "out")


@pytest.mark.parametrize("form", list(ExportForm))
def test_every_file_of_an_export_has_the_digest_of_the_manifest(
    journal: JournalDirectory, tmp_path: Path, form: ExportForm
) -> None:
    done = export(journal, Filter(up_to=4), tmp_path / "out", form)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    digests = {
        entry["path"]: hashlib.sha256((done.folder / entry["path"]).read_bytes()).hexdigest()
        for entry in manifest["files"]
    }

    assert (manifest["rows"], manifest["first_sequence"], manifest["last_sequence"]) == (4, 1, 4)
    assert {entry["path"]: entry["sha256"] for entry in manifest["files"]} == digests
    assert any(path.startswith("policies/") for path in digests)
    assert "keys.json" in digests


CHECKPOINT = {"kind": "journal.checkpoint", "rule": None}


def _span(done_in: Path) -> tuple[int, int]:
    manifest = json.loads((done_in / "manifest.json").read_text())
    return manifest["first_sequence"], manifest["last_sequence"]


@pytest.mark.parametrize(
    ("first", "last", "taken"),
    [(3, 4, (2, 5)), (2, 5, (2, 5)), (6, 6, (5, 8)), (8, 9, (8, 9)), (1, 1, (1, 2))],
)
def test_a_span_is_widened_to_the_signed_rows_around_it(
    written: Any, rows: Any, tmp_path: Path, first: int, last: int, taken: tuple[int, int]
) -> None:
    signed = {2, 5, 8}
    written.seal([row | (CHECKPOINT if row["sequence"] in signed else {}) for row in rows(1, 9)])
    done = export(JournalDirectory(written.path), Filter(after=first - 1, up_to=last), tmp_path / "out")

    assert _span(done.folder) == taken
    assert done.not_provable is None


@pytest.mark.parametrize(
    ("wanted", "form", "why"),
    [
        (Filter(clients=("hmi-1",)), ExportForm.PARQUET, "a selection of rows leaves out rows of the chain"),
        (Filter(), ExportForm.CSV, "csv does not keep all"),
        (Filter(), ExportForm.JSON_LINES, "jsonl does not keep all"),
        (Filter(up_to=0, since_ns=2**62), ExportForm.PARQUET, "no record is in this span"),
    ],
)
def test_an_export_without_its_chain_says_so_and_is_never_sound(
    journal: JournalDirectory, tmp_path: Path, wanted: Filter, form: ExportForm, why: str
) -> None:
    done = export(journal, wanted, tmp_path / "out", form)
    found = verify(done.folder, Proof())

    assert not found.is_sound
    assert why in (done.not_provable or "")
    assert [why in finding.what for finding in found.findings] == [True]


def test_a_file_that_is_not_the_exported_one_is_found(journal: JournalDirectory, tmp_path: Path) -> None:
    done = export(journal, Filter(), tmp_path / "out", ExportForm.CSV)
    (done.folder / "events.csv").write_text("sequence\n")
    (done.folder / "keys.json").unlink()
    found = {finding.file: finding.what for finding in verify(done.folder, Proof()).findings}

    assert found["events.csv"] == "the file is not the one that was exported"
    assert found["keys.json"] == "the file is missing"


def test_a_manifest_that_names_files_elsewhere_is_not_followed(
    journal: JournalDirectory, tmp_path: Path
) -> None:
    done = export(journal, Filter(), tmp_path / "out", ExportForm.CSV)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    manifest["files"][0]["path"] = "/etc/passwd"
    (done.folder / "manifest.json").write_text(json.dumps(manifest))

    assert "/etc/passwd is no file of this export" in [
        finding.what for finding in verify(done.folder, Proof()).findings
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"files": []}'])
def test_a_manifest_that_is_none_is_an_error(journal: JournalDirectory, tmp_path: Path, text: str) -> None:
    done = export(journal, Filter(), tmp_path / "out", ExportForm.CSV)
    (done.folder / "manifest.json").write_text(text)
    with pytest.raises(JournalReadError, match="not the manifest of an export"):
        verify(done.folder, Proof())
