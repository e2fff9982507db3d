"""The demo's folder: what it may replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modwarden.cli._demo_folder import ForeignFolderError, prepare_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    root = tmp_path / "cleanroom"
    root.mkdir()
    (root / "site.yaml").write_text("a real site")

    with pytest.raises(ForeignFolderError, match="the demo did not make it"):
        prepare_folder(root)

    assert [path.name for path in root.iterdir()] == ["site.yaml"]


def test_a_file_of_that_name_is_not_touched(tmp_path: Path) -> None:
    root = tmp_path / "cleanroom"
    root.write_text("notes")

    with pytest.raises(ForeignFolderError):
        prepare_folder(root)

    assert root.read_text() == "notes"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert prepare_folder(tmp_path).logs.is_dir()


def test_an_earlier_run_is_kept_aside(tmp_path: Path) -> None:
    for run in ("first", "second", "third"):
        folder = prepare_folder(tmp_path / "cleanroom")
        folder.site.write_text(run)

    kept = [path.read_text() for path in sorted((folder.root / "previous").rglob("site.yaml"))]
    assert kept == ["first", "second"]
    assert folder.site.read_text() == "third"
