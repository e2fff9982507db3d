"""What is collected: written whole or not at all, read again, and without a secret."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modwarden.cli import main
from modwarden.drift import Collected, CollectError, collect, load_collected, write_collected

if TYPE_CHECKING:
    from pathlib import Path

COLLECTED = Collected(
    datetime(2026, 11, 27, 20, 0, tzinfo=UTC), {"nft.json": "{}", "tcp": "x\n"}, {"udp": "it is not there"}
)


def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CollectError, match=r"'notes\.txt' was not collected"):
        write_collected(tmp_path, COLLECTED)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_is_none_of_ours_or_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match=r"there is no about\.json"):
        load_collected(tmp_path)
    for text in ("", "[]", '{"modwarden_collected": 2}', '{"modwarden_collected": 1, "at": "now"}'):
        (tmp_path / "about.json").write_text(text)
        with pytest.raises(CollectError, match=r"about\.json:1: this is not as it was written"):
            load_collected(tmp_path)


def test_what_is_written_is_read_again_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("host.new", "host.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    write_collected(tmp_path / "host", COLLECTED)
    write_collected(tmp_path / "host", COLLECTED)
    read = load_collected(tmp_path / "host")

    assert (read.at, read.files) == (COLLECTED.at, COLLECTED.files)
    assert read.missing["udp"] == "it is not there"
    assert read.missing["routes4.json"] == "it was not collected"
    # Folders that only sound like ours stay.
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent.name != "host") == [
        "host",
        "host.new",
        "host.old",
        "mine",
        "mine",
    ]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    write_collected(tmp_path / "host", COLLECTED)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "host").iterdir()}

    assert ((tmp_path / "host").stat().st_mode & 0o777, modes) == (0o700, {0o600})


def test_no_key_of_wireguard_leaves_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = "wg0\\tPEER\\tPRESHARED\\t(none)\\t10.0.0.0/8\\t0\\t0\\t0\\toff\\n"
    dump = f"wg0\\tPRIVATE\\tPUBLIC\\t51820\\toff\\n{peer}"
    (tmp_path / "wg").write_text(f"#!/bin/sh\nprintf '{dump}'\n")
    (tmp_path / "wg").chmod(0o755)
    monkeypatch.setattr(
        "modwarden.drift.collected._SYSTEM_PATH", os.pathsep.join([str(tmp_path), "/usr/bin"])
    )
    said = collect().files["wireguard.dump"]

    assert (
        said == "wg0\t(hidden)\tPUBLIC\t51820\toff\nwg0\tPEER\t(hidden)\t(none)\t10.0.0.0/8\t0\t0\t0\toff\n"
    )


def test_a_tool_that_fails_or_hangs_is_named_and_the_others_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(command: list[str], **_: Any) -> Any:
        if command[0].endswith("nft"):
            raise subprocess.TimeoutExpired(command, 30)
        raise subprocess.CalledProcessError(1, command, stderr="RTNETLINK answers: no\n")

    monkeypatch.setattr("modwarden.drift.collected.shutil.which", lambda name, **_: f"/sbin/{name}")
    monkeypatch.setattr("modwarden.drift.collected.subprocess.run", run)
    found = collect()

    assert found.missing["nft.json"] == "it said nothing for 30 s"
    assert found.missing["routes4.json"] == "RTNETLINK answers: no"
    assert {"tcp", "settings.json", "holders.json"} <= set(found.files)


def test_the_command_ends_with_two_for_wrong_input_and_three_where_nothing_could_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "modwarden: 1\nsite: S\nzones: {a: {networks: [10.0.0.0/8]}}\n"
        "assets: {h: {zone: a, addresses: [10.0.0.1]}}\n"
    )
    nothing = Collected(COLLECTED.at, {}, {"nft.json": "Operation not permitted"})
    write_collected(tmp_path / "host", nothing)

    assert main(["drift", str(site)]) == 2
    assert main(["drift", str(site), "--as", "nobody", "--from", str(tmp_path / "host")]) == 2
    assert main(["drift", str(site), "--as", "h", "--from", str(tmp_path)]) == 2
    assert main(["drift", str(site), "--as", "h", "--collect", str(tmp_path / "x")]) == 2
    assert main(["drift", str(site), "--as", "h", "--from", str(tmp_path / "host")]) == 3
    assert "nft.json: Operation not permitted" in capsys.readouterr().err


def test_a_router_whose_rules_nobody_could_look_at_is_not_compared_and_not_called_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "modwarden: 1\nsite: S\nzones: {a: {networks: [10.0.0.0/8]}}\n"
        "assets: {h: {zone: a, forwards: true, addresses: [10.0.0.1], rulesets: [{file: h.nft}]}}\n"
    )
    (tmp_path / "h.nft").write_text("table inet f {\n}\n")
    refused = Collected(COLLECTED.at, {"tcp": "x\n"}, {"nft.json": "Operation not permitted"})
    write_collected(tmp_path / "host", refused)
    words = ["drift", str(site), "--as", "h", "--from", str(tmp_path / "host")]

    assert main(words) == 3
    said = capsys.readouterr().out
    assert "h: not compared: rules, addresses, routes, policy routing, settings, as of" in said
    assert "no difference" not in said
    assert main([*words, "--json"]) == 3
    assert '"rules"' in capsys.readouterr().out
