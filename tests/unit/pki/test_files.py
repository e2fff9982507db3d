"""Files are durable before their names are, and never in the place of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modwarden.pki._files import point_to, publish_folder, staged_folder, write_file


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Record what is synced and what takes its name, in order, as names below the test's folder."""
    seen: list[str] = []
    real_fsync, real_rename, real_replace = os.fsync, os.rename, os.replace

    def short(path: Path) -> str:
        return str(path.relative_to(tmp_path))

    def fsync(descriptor: int) -> None:
        seen.append(f"sync {short(Path(f'/proc/self/fd/{descriptor}').readlink())}")
        real_fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        seen.append(f"name {short(Path(target))}")
        real_rename(source, target)

    def replace(source: Path, target: Path) -> None:
        seen.append(f"name {short(Path(target))}")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "replace", replace)
    return seen


def test_a_folder_that_holds_something_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "key.pem").write_text("mine")

    with pytest.raises(OSError, match="not empty"):
        publish_folder(tmp_path / "1", {"key.pem": b"other"})
    assert (tmp_path / "1" / "key.pem").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_symbolic_link_in_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / ".crl.pem.new").symlink_to("target")
    write_file(tmp_path / "crl.pem", b"crl")

    assert (tmp_path / "target").read_text() == "mine"


def test_what_fails_halfway_is_gone(tmp_path: Path) -> None:
    def work() -> None:
        with staged_folder(tmp_path / "1") as staged:
            (staged / "key.pem").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_synced_before_its_name_and_its_folder_after(tmp_path: Path, steps: list[str]) -> None:
    write_file(tmp_path / "crl.pem", b"crl")

    assert steps == ["sync .crl.pem.new", "name crl.pem", "sync ."]


def test_a_folder_is_synced_with_all_its_files_before_its_name(tmp_path: Path, steps: list[str]) -> None:
    publish_folder(tmp_path / "1", {"a": b"", "key.pem": b""})

    assert steps == ["sync .1.new/a", "sync .1.new/key.pem", "sync .1.new", "name 1", "sync ."]


def test_a_link_that_names_its_target_already_is_left_alone(tmp_path: Path, steps: list[str]) -> None:
    point_to(tmp_path / "current", "1")
    point_to(tmp_path / "current", "1")
    point_to(tmp_path / "current", "2")

    assert steps == ["name current", "sync ."] * 2
    assert (tmp_path / "current").readlink().name == "2"
