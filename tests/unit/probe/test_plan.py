"""What a probe plans to ask: declared places only, each once, and what the proof says of each."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from modwarden.model import AssetName
from modwarden.probe import Expected, Plan, plan_probe, targets_of
from modwarden.site import load_site
from modwarden.site.proof import ConnectProof

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.model import Address, ZoneName
    from modwarden.probe import Target

SITE = """\
modwarden: 1
site: Asked
zones:
  enterprise: {level: 3, networks: [10.30.0.0/24]}
  dmz:        {level: 2, networks: [10.20.0.0/24]}
  control:    {level: 1, networks: [10.10.0.0/24]}
  field:      {level: 0, networks: [10.11.0.0/24]}
assets:
  fw:
    zone: dmz
    interfaces: {it: [10.30.0.1], dmz: [10.20.0.1], ot: [10.10.0.1], fd: [10.11.0.254]}
    forwards: true
    rulesets: [{file: fw.nft}]
  pc-1:   {zone: enterprise, addresses: [10.30.0.5]}
  hist-1: {zone: dmz, addresses: [10.20.0.5], relay: {kind: historian, listens: [tcp/8080-8090, udp/9]}}
  gate-1: {zone: control, addresses: [10.10.0.2]}
  plc-1:  {zone: field, addresses: [10.11.0.1], unit_ids: [1], connections: {shared: true}}
  plc-2:  {zone: field, addresses: [10.11.0.2], port: 1502, unit_ids: [1]}
conduits:
  c:
    from: [dmz]
    to: field
    guard: gate-1
    servers: {plc-1: {listen: "10.10.0.2:15001"}, plc-2: {listen: "10.10.0.2:15002"}}
    rules: [{name: r, clients: [hist-1], permit: [read]}]
"""
RULES = """\
table inet t {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "it" ip daddr 10.20.0.5 tcp dport 8080 accept
    iifname "dmz" ip daddr 10.10.0.2 tcp dport 15001-15002 accept
    iifname "ot" ip saddr 10.10.0.2 ip daddr 10.11.0.0/24 tcp dport { 502, 1502 } accept
  }
}
table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "it" ip daddr 10.30.0.1 tcp dport 22 dnat to 10.20.0.5:8080
  }
}
"""


def planned(folder: Path, source: str) -> Plan:
    (folder / "site.yaml").write_text(SITE)
    (folder / "fw.nft").write_text(RULES)
    site = load_site(folder / "site.yaml")
    address = ip_address(source)
    zone = site.zone_at(address)
    assert zone is not None
    name = zone.name

    def sources(target: Target) -> tuple[Address, ZoneName] | None:
        return (address, name) if target.address.version == address.version else None

    return plan_probe(site, ConnectProof(site), sources)


def expected(plan: Plan, wanted: Expected) -> set[str]:
    return {
        f"{knock.target.address}:{knock.target.port}" for knock in plan.knocks if knock.expected is wanted
    }


def test_each_declared_place_is_asked_once_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    targets = [f"{one.address}:{one.port}" for one in targets_of(load_site(tmp_path / "site.yaml"))]

    assert len(targets) == len(set(targets))
    # The relay's ends, not what lies between; 502 and 802 of all of control and field; ssh and https of hosts
    # that hold rules; nothing of the office's.
    assert {text for text in targets if text.startswith("10.20.0.5")} == {"10.20.0.5:8080", "10.20.0.5:8090"}
    assert {text for text in targets if text.startswith("10.11.0.2:")} == {
        "10.11.0.2:502",
        "10.11.0.2:802",
        "10.11.0.2:1502",
    }
    assert "10.10.0.2:22" in targets
    assert not [text for text in targets if text.startswith("10.30.0.5")]


def test_what_works_and_what_fails_is_what_the_proof_says(tmp_path: Path) -> None:
    office, history = planned(tmp_path, "10.30.0.5"), planned(tmp_path, "10.20.0.5")

    assert expected(office, Expected.WORKS) == {"10.20.0.5:8080"}
    assert {"10.20.0.5:8090", "10.11.0.1:502", "10.10.0.2:15001"} <= expected(office, Expected.FAILS)
    assert expected(history, Expected.WORKS) == {"10.10.0.2:15001", "10.10.0.2:15002"}
    assert {"10.11.0.1:502", "10.11.0.2:1502", "10.11.0.1:802"} <= expected(history, Expected.FAILS)


def test_what_may_pass_to_where_nobody_is_declared_is_not_asked_and_counted(tmp_path: Path) -> None:
    plan = planned(tmp_path, "10.30.0.5")

    # Translated to the historian: it would say nothing of port 22.
    assert "10.30.0.1:22" not in {f"{one.target.address}:{one.target.port}" for one in plan.knocks}
    assert [words for words in plan.unasked if "nobody is declared to listen" in words]


def test_a_source_without_a_name_is_asked_for_by_its_place(tmp_path: Path) -> None:
    assert expected(planned(tmp_path, "10.30.0.77"), Expected.WORKS) == {"10.20.0.5:8080"}


def test_controllers_with_few_connections_come_last(tmp_path: Path) -> None:
    few = [knock.target.has_few_connections for knock in planned(tmp_path, "10.30.0.5").knocks]

    assert few == sorted(few)
    assert any(few)


def test_a_limit_leaves_the_rest_out_and_says_so(tmp_path: Path) -> None:
    plan = planned(tmp_path, "10.30.0.5").limited(3)

    assert len(plan.knocks) == 3
    assert "beyond the limit of 3" in plan.unasked[-1]


def test_a_port_that_is_declared_for_management_must_work_where_its_rules_let_it(tmp_path: Path) -> None:
    (tmp_path / "fw.nft").write_text(RULES)
    managed = SITE.replace("addresses: [10.10.0.2]}", "addresses: [10.10.0.2], management: MANAGED}")
    (tmp_path / "site.yaml").write_text(managed.replace("MANAGED", "{from: [hist-1], ports: [tcp/2222]}"))
    targets = {
        target.port: target.is_served
        for target in targets_of(load_site(tmp_path / "site.yaml"))
        if (target.asset, target.what) == ("gate-1", "management")
    }

    assert targets == {22: False, 443: False, 2222: True}


def _from(here: tuple[Address, ZoneName], target: Target) -> tuple[Address, ZoneName]:
    del target
    return here


def test_a_router_answers_its_management_and_not_whoever_stands_on_its_segment(tmp_path: Path) -> None:
    managed = SITE.replace(
        "    forwards: true\n", "    forwards: true\n    management: {from: [hist-1], ports: [tcp/22]}\n"
    )
    (tmp_path / "fw.nft").write_text(RULES)
    (tmp_path / "site.yaml").write_text(managed)
    site = load_site(tmp_path / "site.yaml")
    expected = {}
    for name in ("hist-1", "pc-1"):
        address = site.assets[AssetName(name)].addresses[0]
        zone = site.zone_at(address)
        assert zone is not None
        here = (address, zone.name)
        plan = plan_probe(site, ConnectProof(site), partial(_from, here))
        own = "10.20.0.1" if name == "hist-1" else "10.30.0.1"
        asked = (one for one in plan.knocks if (str(one.target.address), one.target.port) == (own, 22))
        expected[name] = [one.expected for one in asked]

    assert expected == {"hist-1": [Expected.WORKS], "pc-1": []}
