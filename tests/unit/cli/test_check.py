"""`modwarden check` and `modwarden map`: what they print, and how they end."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modwarden.cli import main
from modwarden.model import Claim, EvidenceFile, render_evidence
from modwarden.site import load_site
from modwarden.site.proof import bases_of

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def beside_the_plants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)


pytestmark = pytest.mark.usefixtures("beside_the_plants")


def test_a_violation_ends_with_one_and_prints_its_path(capsys: Any) -> None:
    assert main(["check", "pharma-building/before/site.yaml"]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("error: pharma-building/before/core-router.v4:16: enterprise reaches building")
    assert lines[2].startswith(
        "  2. pharma-building/before/core-router.v4:16: core-router: `-A FORWARD -i office0"
    )
    assert lines[-2] == "proof: does not hold: 1 violation, under 5 assumptions, 5 of them only declared"


def test_a_plant_without_findings_ends_with_zero(capsys: Any) -> None:
    assert main(["check", "water-plant/after/site.yaml", "--proof"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "  city reaches jump in dmz on tcp/22" in lines
    assert "  city reaches historian in dmz on tcp/443" in lines
    assert "  control can write pump_speed, pump_start of rtu-[001-150] by water/pumps" in lines
    assert lines[-2].startswith("proof: every path between IT and OT ends in the DMZ")


def test_json_has_the_path_the_reach_and_the_assumptions(capsys: Any) -> None:
    assert main(["check", "water-plant/before/site.yaml", "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    around = next(one for one in told["findings"] if one["name"] == "host-around-dmz")
    assert [hop["line"] for hop in around["path"]] == [8, 12, 13]
    assert (told["proof"]["holds"], told["proof"]["violations"]) == (False, 1)
    assumption = told["proof"]["assumptions"][0]
    assert (assumption["number"], assumption["key"], assumption["verified_by"]) == (1, "connections", None)


def test_a_refused_rule_set_ends_with_two(tmp_path: Path, capsys: Any) -> None:
    site = tmp_path / "site.yaml"
    text = (EXAMPLES / "pharma-building/before/site.yaml").read_text()
    site.write_text(text)
    (tmp_path / "core-router.v4").write_text("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j TEE\nCOMMIT\n")

    assert main(["check", str(site), "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["name"], problem["line"]) == ("bad-ruleset", 3)
    assert main(["map", str(site)]) == 2


def test_a_map_goes_to_a_file_or_to_the_output(tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "map.svg"
    assert main(["map", "water-plant/after/site.yaml", "-o", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}: 4 zones, 271 assets\n"

    assert main(["map", "water-plant/after/site.yaml"]) == 0
    assert capsys.readouterr().out == target.read_text()


def test_a_place_that_cannot_be_written_ends_with_three(tmp_path: Path) -> None:
    assert main(["map", "water-plant/after/site.yaml", "-o", str(tmp_path / "none" / "map.svg")]) == 3


def test_a_test_that_asks_nothing_is_found_before_it_is_run(tmp_path: Path, capsys: Any) -> None:
    site = shutil.copytree(EXAMPLES / "pharma-building/after", tmp_path / "plant") / "site.yaml"
    site.write_text(site.read_text().replace("write temperature_setpoint", "wriet temperature_setpoint", 1))

    assert main(["check", str(site), "--json"]) == 1

    found = json.loads(capsys.readouterr().out)["findings"]
    line = next(number for number, words in enumerate(site.read_text().splitlines(), 1) if "wriet" in words)
    assert [(one["name"], one["line"]) for one in found] == [("unaskable-test", line)]


def test_evidence_verifies_an_assumption_and_what_is_no_evidence_ends_with_two(
    tmp_path: Path, capsys: Any
) -> None:
    site = load_site(Path("water-plant/after/site.yaml"))
    key = next(key for key in bases_of(site) if key.startswith("ruleset:"))
    made = EvidenceFile("drift", site.name, "fw", datetime.now(UTC), (Claim(key, bases_of(site)[key]),))
    (tmp_path / "fw.json").write_text(render_evidence(made))
    checked = ["check", "water-plant/after/site.yaml", "--proof"]

    assert main([*checked, "--evidence", str(tmp_path)]) == 0
    assert "verified by drift from fw at 20" in capsys.readouterr().out
    assert main([*checked, "--evidence", str(tmp_path), "--evidence-age", "soon"]) == 2
    (tmp_path / "fw.json").write_text(render_evidence(made).replace("drift", "probe"))
    assert main([*checked, "--evidence", str(tmp_path / "fw.json")]) == 2


def test_rules_that_were_written_before_the_site_file_changed_are_told(tmp_path: Path, capsys: Any) -> None:
    site = shutil.copytree(EXAMPLES / "water-plant/after", tmp_path / "plant") / "site.yaml"
    shortcut = "flows:\n  quick: {from: [city], to: [scada], ports: [tcp/5900]}\n"
    site.write_text(site.read_text().replace("flows:\n", shortcut))

    assert main(["check", str(site), "--json"]) == 1
    before = [one["name"] for one in json.loads(capsys.readouterr().out)["findings"]]
    assert main(["harden", str(site), "-o", str(site.parent / "hardened")]) == 0
    capsys.readouterr()
    # The city's firewall, whose rules are nobody's but its own, lets none of it pass.
    assert main(["check", str(site), "--json"]) == 0

    assert before == ["rules-out-of-date"]
