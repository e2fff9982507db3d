"""Commands end with the exit code of whose fault it is, and print what programs may read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.doubles.guard import wait_until

from modwarden.audit.schema import JOURNAL_SCHEMA
from modwarden.cli import main

SITE = """\
modwarden: 1
site: Bench
timezone: Europe/Berlin
zones:
  field:   {level: 0, sl_t: 2, networks: [127.11.0.0/16]}
  control: {level: 1, sl_t: 2, networks: [127.10.0.0/24]}
assets:
  gate-1:  {zone: control, addresses: [127.10.0.2]}
  hmi-1:   {zone: control, addresses: [127.10.0.5]}
  ahu-001: {zone: field, addresses: [127.11.0.1], port: 15020, unit_ids: [1]}
conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    servers:
      ahu-001: {listen: "127.10.0.2:15001"}
    rules:
      - {name: hmi-reads, clients: [hmi-1], permit: [read]}
journal: {directory: journal}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.mkdir()
    rows: list[dict[str, Any]] = [
        dict.fromkeys(JOURNAL_SCHEMA.names)
        | {"sequence": sequence, "time": sequence, "clock": True, "kind": "session.opened", "client": client}
        for sequence, client in ((1, "hmi-1"), (2, "scada"))
    ]
    file = path / f"{1:020}.arrows"
    with file.open("wb") as sink, pa.ipc.new_stream(sink, JOURNAL_SCHEMA) as stream:
        stream.write_table(pa.Table.from_pylist(rows, schema=JOURNAL_SCHEMA))
    return path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "nowhere.yaml"], 2),
        (["fly"], 2),
        (["check"], 2),
        (["audit", "query", "nowhere"], 2),
    ],
)
def test_what_the_operator_got_wrong_ends_with_2(arguments: list[str], code: int) -> None:
    assert main(arguments) == code


def test_a_wrong_site_file_says_file_and_line_and_ends_with_2(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE.replace("level: 0", "levle: 0"))

    assert main(["check", str(site)]) == 2
    assert f"{site}:5" in capsys.readouterr().err


def test_problems_are_json_where_asked_for(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_text(SITE.replace("level: 0", "levle: 0"))

    assert main(["check", str(site), "--json"]) == 2
    assert {problem["line"] for problem in json.loads(capsys.readouterr().out)["problems"]} == {5}


def test_a_good_site_file_ends_with_0_or_with_findings_1(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["check", str(site), "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]

    assert code == (1 if any(finding["severity"] != "note" for finding in findings) else 0)


def test_where_no_guard_runs_the_world_is_at_fault(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(site)]) == 3
    assert "no guard answers here" in capsys.readouterr().err


def test_the_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "conduits" in json.loads(capsys.readouterr().out)["properties"]


def test_query_takes_the_journal_of_a_site_file(
    site: Path, journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "query", str(site), "--client", "scada", "--json"]) == 0
    by_site = capsys.readouterr().out
    assert main(["audit", "query", str(journal), "--client", "scada", "--json"]) == 0

    assert capsys.readouterr().out == by_site
    assert [json.loads(line)["sequence"] for line in by_site.splitlines()] == [2]


def test_two_forms_at_once_are_refused(journal: Path) -> None:
    assert main(["audit", "query", str(journal), "--json", "--csv", "-"]) == 2


def test_tail_without_following_shows_the_newest_and_ends(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "tail", str(journal), "--last", "1", "--no-follow", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["client"] == "scada"


def test_export_writes_a_manifest(journal: Path, tmp_path: Path) -> None:
    assert main(["audit", "export", str(journal), "--to", str(tmp_path / "out"), "--form", "jsonl"]) == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["rows"] == 2


def test_the_guards_process_loads_no_column_store() -> None:
    code = (
        "import sys; from modwarden.cli.app import build_app; build_app('run');"
        "print(sorted({'pyarrow', 'duckdb', 'numpy', 'pymodbus', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("group", ["audit", "policy", "demo", "lab"])
def test_every_group_has_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([group, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no such priority")
def test_who_reads_the_record_leaves_the_processor_to_the_guard(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODWARDEN_URGENT")
    with subprocess.Popen(_follow(journal), stdout=subprocess.DEVNULL) as reader:
        # On a busy machine it may not come to its first row for long.
        wait_until(lambda: os.sched_getscheduler(reader.pid) == os.SCHED_IDLE, "it comes last")
        reader.kill()
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no such priority")
def test_who_reads_the_record_in_a_hurry_takes_its_turn(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODWARDEN_URGENT", "1")
    with subprocess.Popen(_follow(journal), stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        assert os.sched_getscheduler(reader.pid) != os.SCHED_IDLE
        reader.kill()


def _follow(journal: Path) -> list[str]:
    return [sys.executable, "-m", "modwarden.cli", "audit", "tail", str(journal), "--json"]


def test_an_interrupt_while_a_command_is_still_read_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(wanted: str | None) -> None:
        raise KeyboardInterrupt(wanted)

    monkeypatch.setattr("modwarden.cli.app.build_app", interrupted)

    assert main(["status"]) == 130
    assert capsys.readouterr().err == ""
