"""The command line of the probe: nobody is asked by mistake."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from modwarden.cli import main
from modwarden.model import parse_evidence
from modwarden.probe import Ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITE = """\
modwarden: 1
site: Loop
zones:
  control: {{level: 1, networks: [127.0.0.0/25]}}
  field:   {{level: 0, networks: [127.0.0.128/25]}}
assets:
  router:
    zone: control
    interfaces: {{a: [127.0.0.2], b: [127.0.0.129]}}
    forwards: true
    rulesets: [{{file: r.nft}}]
  hmi-1:  {{zone: control, addresses: [127.0.0.5]}}
  away-1: {{zone: control, addresses: [192.0.2.1]}}
  plc-1:  {{zone: field, addresses: [127.0.0.130], port: {port}, unit_ids: [1]}}
"""
RULES = """\
table inet t {{
  chain forward {{
    type filter hook forward priority filter; policy drop;
    tcp dport {port} {verdict}
  }}
}}
"""


@pytest.fixture
def plc() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.130", 0)) as server:
        yield server


def written(folder: Path, plc: socket.socket, verdict: str = "accept") -> str:
    port = plc.getsockname()[1]
    (folder / "site.yaml").write_text(SITE.format(port=port))
    (folder / "r.nft").write_text(RULES.format(port=port, verdict=verdict))
    return str(folder / "site.yaml")


def asked(plc: socket.socket) -> bool:
    plc.setblocking(False)
    try:
        plc.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "hmi-1"], 2),
        (["--from", "hmi-1", "--yes-i-mean", "loop"], 2),
        (["--from", "nowhere", "--yes-i-mean", "Loop"], 2),
        (["--from", "away-1", "--yes-i-mean", "Loop"], 2),
        (["--from", "field", "--yes-i-mean", "Loop", "--limit", "0"], 2),
        (["--from", "hmi-1", "--dry-run"], 0),
        (["--from", "away-1", "--dry-run"], 0),
    ],
)
def test_without_the_site_s_name_a_place_here_and_the_will_to_ask_nobody_is_asked(
    tmp_path: Path, plc: socket.socket, words: list[str], code: int
) -> None:
    site = written(tmp_path, plc)

    assert main(["probe", site, *words]) == code
    assert not asked(plc)


def test_what_is_as_proven_ends_with_0_and_is_evidence_that_supports(
    tmp_path: Path, plc: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    site, file = written(tmp_path, plc), tmp_path / "probe.json"
    code = main(["probe", site, "--from", "hmi-1", "--yes-i-mean", "Loop", "--evidence", str(file)])
    said = capsys.readouterr().out
    claim = parse_evidence(file.read_text(), str(file)).claims[0]
    main(["check", site, "--proof", "--evidence", str(file)])
    checked = capsys.readouterr().out

    assert code == 0
    assert "probed from hmi-1: 3 of 3 as proven" in said
    assert (claim.assumption, claim.strength) == ("connections", "supported")
    assert claim.words.startswith("3 of 3 as proven; 2 of them refused or unreachable")
    assert "supported by probe from hmi-1" in checked


def test_what_passes_against_the_proof_ends_with_1_and_bears_out_nothing(
    tmp_path: Path, plc: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    # On loopback no router holds anything back.
    site, file = written(tmp_path, plc, "drop"), tmp_path / "probe.json"
    words = ["--from", "hmi-1", "--yes-i-mean", "Loop", "--evidence", str(file), "--json"]
    code = main(["probe", site, *words])
    told = json.loads(capsys.readouterr().out)
    main(["check", site, "--proof", "--evidence", str(file)])

    assert code == 1
    assert {one["finding"] for one in told["results"] if one["ended"] == "connected"} == {"probe-passed"}
    assert parse_evidence(file.read_text(), str(file)).findings
    assert "found 1 difference" in capsys.readouterr().out


def test_where_nobody_answers_silence_bears_out_nothing_and_is_counted(
    tmp_path: Path, plc: socket.socket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cable that is pulled: whatever is asked, nothing comes back.
    monkeypatch.setattr("modwarden.probe.knock.knock_once", lambda *_: Ended.TIMED_OUT)
    site, file = written(tmp_path, plc, "drop"), tmp_path / "probe.json"
    code = main(["probe", site, "--from", "hmi-1", "--yes-i-mean", "Loop", "--evidence", str(file)])
    said = capsys.readouterr().out

    assert code == 0
    assert "3 of 3 as proven; 3 of them timed out as they must; nobody answered from here" in said
    assert parse_evidence(file.read_text(), str(file)).claims == ()
