"""The lab of four zones without root: its site file, and what it says where it cannot stand."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.doubles.zones_lab import alone

from modwarden.cli import main
from modwarden.lab import ZONES, ZONES_SITE, find_namespaces
from modwarden.site import check_site, load_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(ZONES_SITE)
    return path


def test_its_site_file_is_without_findings_and_its_own_tests_pass(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(check_site(load_site(site))) == []
    assert main(["policy", "test", str(site)]) == 0
    assert "6 of 6 tests pass" in capsys.readouterr().out


def test_every_namespace_and_interface_bears_the_lab_s_prefix(site: Path) -> None:
    names = [one.name for asset in load_site(site).assets.values() for one in asset.connections.interfaces]

    assert {name.partition("-")[0] for name in names} == {"mwl"}
    assert {space.name.partition("-")[0] for space in ZONES.values()} == {"mwlab"}


def test_without_root_it_says_what_it_needs_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with alone():
        before = find_namespaces()

        assert main(["lab", "zones", "-o", str(tmp_path / "lab")]) == 3
        assert "need root" in capsys.readouterr().err
        assert (find_namespaces(), (tmp_path / "lab").exists()) == (before, False)


def test_a_tool_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "nft" else f"/bin/{tool}")

    assert main(["lab", "zones", "-o", str(tmp_path / "lab")]) == 3
    assert "not installed: nft (" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["-o", "lab", "--for", "soon"], ["-o", "lab", "--for", "60"]])
def test_a_folder_that_is_missing_and_a_time_that_is_none_are_the_operator_s(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/bin/{tool}")

    assert main(["lab", "zones", *words]) == 2
    assert list(tmp_path.iterdir()) == []
