"""A guard in the wire is an edge of the proof: by the very rules that `harden` writes for its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site
from modwarden.site.proof import Proof, prove

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: In the wire
zones:
  control: {{level: 1, networks: [10.10.0.0/24, "fd00:10::/64"]}}
  field:   {{level: 0, networks: [10.11.0.0/24, "fd00:11::/64"]}}
points:
  ahu: {{setpoint: {{at: holding_register 100-101, type: float32}}, fan: {{at: coil 0}}}}
assets:
  gate-1:
    zone: control
    interfaces: {{lan0: [10.10.0.2, "fd00:10::2"], lan1: [10.11.0.254, "fd00:11::254"]}}
    forwards: true
    rulesets: [{{file: rules.nft}}]
  hmi-1: {{zone: control, addresses: [10.10.0.5, "fd00:10::5"]}}
  eng-1: {{zone: control, addresses: [10.10.0.6]}}
  ahu-1: {{zone: field, addresses: [10.11.0.1, "fd00:11::1"], unit_ids: [1], points: ahu}}
  ahu-2: {{zone: field, addresses: [10.11.0.2], unit_ids: [1], points: ahu}}
  ahu-3: {{zone: field, addresses: [10.11.0.3], unit_ids: [1], points: ahu}}
conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    insertion: transparent
    transparent: {{clients_on: [lan0], servers_on: lan1{transparent}}}
    on_failure: {{guard: {failure}}}
    servers: {{"ahu-[1-2]": {{}}}}
    rules:
      - {{name: hmi, clients: [hmi-1], permit: [read, write]{permit}}}
{nevers}
"""

FILTER = "table inet modwarden_filter"


def proof_of(
    folder: Path,
    *nevers: str,
    permit: str = "",
    transparent: str = "",
    failure: str = "closed",
    replaced: tuple[str, str] = ("", ""),
    has_filter: bool = True,
) -> Proof:
    text = SITE.format(
        transparent=transparent,
        permit=permit,
        failure=failure,
        nevers="\n".join(f"      - {{{never}}}" for never in nevers),
    )
    (folder / "site.yaml").write_text(text)
    site = load_site(folder / "site.yaml")
    written = {file.name: file.text for file in render_host(site, AssetName("gate-1"))}
    assert replaced[0] in written["rules.nft"]
    rules = written["rules.nft"].replace(*replaced)
    (folder / "rules.nft").write_text(rules if has_filter else rules[: rules.index(FILTER)])
    proof = prove(site)
    assert proof is not None
    return proof


def reach(proof: Proof) -> list[str]:
    return [str(one) for one in proof.reach.in_words()]


def writes(proof: Proof) -> list[str]:
    return [str(one) for one in proof.writes]


def test_only_the_conduit_s_servers_are_reached_and_only_through_the_guard(tmp_path: Path) -> None:
    proof = proof_of(tmp_path)

    assert reach(proof) == ["control reaches ahu-[1-2] in field on tcp/502 through the guard on gate-1"]
    assert proof.findings == ()
    assert proof.remarks == ()


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        # What refuses while nobody takes it.
        ('oifname "lan1" goto to_servers_0', "control reaches ahu-[1-3] in field on any service"),
        ('counter drop comment "begun by servers"', "field reaches hmi-1, eng-1 in control on"),
    ],
)
def test_without_a_rule_of_the_closed_table_the_path_around_the_guard_is_found(
    tmp_path: Path, rule: str, opened: str
) -> None:
    proof = proof_of(tmp_path, replaced=(rule, f"# {rule}"), has_filter=False)

    assert [line for line in reach(proof) if line.startswith(opened)]


def test_the_host_s_own_filter_stands_behind_the_closed_table(tmp_path: Path) -> None:
    rule = 'oifname "lan1" goto to_servers_0'
    proof = proof_of(tmp_path, replaced=(rule, f"# {rule}"))

    assert reach(proof) == ["control reaches ahu-[1-2] in field on tcp/502 through the guard on gate-1"]


def test_a_host_that_only_diverts_fails_open_and_the_proof_says_so(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, replaced=("chain closed {", "chain closed {\n\t\taccept"), has_filter=False)

    assert "around-the-guard" in {finding.name for finding in proof.findings}


def test_where_the_operator_chose_open_the_servers_are_reached_past_the_guard_as_well(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, failure="open")

    assert sorted(reach(proof)) == [
        "control reaches ahu-[1-2] in field on tcp/502",
        "control reaches ahu-[1-2] in field on tcp/502 through the guard on gate-1",
    ]
    # The operator's own choice, which the lint of conduits tells.
    assert proof.findings == ()


def test_what_else_may_pass_is_reached_past_the_guard_and_nothing_begins_in_the_field(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, transparent=", also_pass: [tcp 443, udp 123]")

    assert sorted(reach(proof)) == [
        "control reaches ahu-[1-2] in field on tcp/443",
        "control reaches ahu-[1-2] in field on tcp/502 through the guard on gate-1",
        "control reaches ahu-[1-2] in field on udp/123",
    ]


def test_who_writes_is_who_the_rules_of_the_guard_name(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, permit=", points: [setpoint, fan]")

    assert writes(proof) == ["control can write setpoint, fan of ahu-[1-2] by hvac/hmi"]


@pytest.mark.parametrize(
    ("never", "left"),
    [
        ("never: [write], points: [fan]", ["setpoint of ahu-[1-2]"]),
        ("never: [write], ranges: [coil 0-7]", ["setpoint of ahu-[1-2]"]),
        ("never: [write], clients: [hmi-1], points: [fan]", ["setpoint of ahu-[1-2]"]),
        ("never: [write], servers: [ahu-1], points: [fan]", ["setpoint of ahu-1", "setpoint, fan of ahu-2"]),
        ("never: [write], servers: [ahu-2]", ["setpoint, fan of ahu-1"]),
        ("never: [write]", []),
        # Wholly or not at all: what a permit could still do stays.
        ("never: [write], ranges: [holding_register 100]", ["setpoint, fan of ahu-[1-2]"]),
        ("never: [5], points: [fan]", ["setpoint, fan of ahu-[1-2]"]),
        ("never: [write], clients: [eng-1]", ["setpoint, fan of ahu-[1-2]"]),
        # The client has an IPv6 address as well.
        ("never: [write], clients: [10.10.0.0/24], points: [fan]", ["setpoint, fan of ahu-[1-2]"]),
        ('never: [write], when: "Mon-Fri 07:00-17:00"', ["setpoint, fan of ahu-[1-2]"]),
        ("never: [read], points: [fan]", ["setpoint, fan of ahu-[1-2]"]),
        ("never: [write], roles: [visitor]", ["setpoint, fan of ahu-[1-2]"]),
        ("never: [write], unit_ids: [2]", ["setpoint, fan of ahu-[1-2]"]),
    ],
)
def test_a_never_takes_away_what_it_forbids_wholly(tmp_path: Path, never: str, left: list[str]) -> None:
    proof = proof_of(tmp_path, f"name: no, {never}", permit=", points: [setpoint, fan]")

    assert writes(proof) == [f"control can write {one} by hvac/hmi" for one in left]


def test_several_nevers_together_may_forbid_a_range(tmp_path: Path) -> None:
    nevers = (
        "name: low, never: [write], ranges: [coil 0-3]",
        "name: high, never: [write], ranges: [coil 4-9]",
    )
    held = proof_of(tmp_path, *nevers, permit=", ranges: [coil 2-8]")
    more = proof_of(tmp_path, *nevers, permit=", ranges: [coil 2-10]")

    assert writes(held) == []
    assert writes(more) == ["control can write whatever the rule names of ahu-[1-2] by hvac/hmi"]


def test_what_a_guard_of_the_dmz_takes_in_the_wire_ends_there(tmp_path: Path) -> None:
    """IT reaches the plant's servers by a guard of level 2 alone: no path leads on, and writes are told."""
    proof_of(tmp_path)
    text = (tmp_path / "site.yaml").read_text()
    moved = text.replace("control: {level: 1,", "office: {level: 3,").replace(
        "from: [control]", "from: [office]"
    )
    moved = moved.replace("zone: control", "zone: office").replace(
        "    zone: office\n    int", "    zone: dmz\n    int"
    )
    moved = moved.replace("  field:   {", "  dmz:     {level: 2, networks: [10.20.0.0/24]}\n  field:   {")
    (tmp_path / "site.yaml").write_text(moved)
    proof = prove(load_site(tmp_path / "site.yaml"))

    assert proof is not None
    assert proof.violations == ()
    assert reach(proof) == ["office reaches ahu-[1-2] in field on tcp/502 through the guard on gate-1"]
    assert writes(proof) == ["office can write whatever the rule names of ahu-[1-2] by hvac/hmi"]

    # One that only observes lets every byte pass.
    (tmp_path / "site.yaml").write_text(
        moved.replace("    to: field", "    to: field\n    verdicts: observe")
    )
    observed = prove(load_site(tmp_path / "site.yaml"))

    assert observed is not None
    assert {violation.finding.name for violation in observed.violations} == {"host-around-dmz"}
