"""An export holds what its manifest says."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from modwarden.audit import ExportForm, Filter, JournalDirectory, QueryError, export


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
