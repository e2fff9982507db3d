"""Flows and management in the site file: what they become, and what is said of a mistake in them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from modwarden.model import AssetName, FlowName, Management, Party, Port, ZoneName
from modwarden.site import SiteError, SiteProblem, check_site, json_schema, load_site

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.model import Site

SITE = """\
modwarden: 1
site: Flowing
zones:
  office:  {networks: [10.30.0.0/24]}
  control: {networks: [10.10.0.0/24]}
  empty:   {}
assets:
  firewall:
    zone: control
    interfaces: {lan0: [10.30.0.1], ot0: [10.10.0.1]}
    forwards: true
    MANAGEMENT
  "hmi-[1-3]": {zone: control, addresses: ["10.10.0.[21-23]"]}
  gw-1: {zone: control, addresses: [10.10.0.31]}
  meter: {zone: control, via: gw-1, unit_id: 7}
flows:
  FLOW
"""
MANAGEMENT = 'management: {from: ["hmi-[1-2]"], ports: [tcp/22]}'
ESSENTIAL = """\
modwarden: 1
site: Essential
zones:
  dmz:     {level: dmz, networks: [10.20.0.0/24]}
  control: {level: control, networks: [10.10.0.0/24]}
  field:   {level: field, networks: [10.11.0.0/24]}
assets:
  gate-1: {zone: control, addresses: [10.10.0.2]}
  scada: {zone: control, addresses: [10.10.0.5]}
  historian: {zone: dmz, addresses: [10.20.0.5]}
  plc-1: {zone: field, addresses: [10.11.0.5], unit_ids: [1]}
conduits:
  cell:
    from: [control, dmz]
    to: field
    guard: gate-1
    servers: {plc-1: {listen: "10.10.0.2:1502"}}
    rules: [{name: reads, clients: CLIENTS, permit: [read], essential: true}]
"""
FLOW = 'trends: {from: [office, 10.40.0.0/24], to: ["hmi-*"], ports: [tcp/443, icmp, tcp/443], why: trends}'


def site(folder: Path, *, flow: str = FLOW, management: str = MANAGEMENT) -> Site:
    (folder / "site.yaml").write_text(SITE.replace("FLOW", flow).replace("MANAGEMENT", management))
    return load_site(folder / "site.yaml")


def problems(folder: Path, **changed: str) -> list[SiteProblem]:
    with pytest.raises(SiteError) as caught:
        site(folder, **changed)
    return list(caught.value.problems)


def test_a_flow_names_zones_assets_and_networks_on_each_side(tmp_path: Path) -> None:
    flow = site(tmp_path).flows[FlowName("trends")]

    assert flow.source == Party((ZoneName("office"),), (), (ip_network("10.40.0.0/24"),))
    assert flow.destination == Party(assets=tuple(AssetName(f"hmi-{n}") for n in (1, 2, 3)))
    assert flow.ports == (Port("tcp", 443, 443), Port("icmp", 0, 0))
    assert [str(port) for port in flow.ports] == ["tcp/443", "icmp"]
    assert (flow.why, flow.origin.line) == ("trends", 17)


def test_an_enforcement_point_says_who_manages_it(tmp_path: Path) -> None:
    read = site(tmp_path)

    assert read.enforcement_points() == ("firewall",)
    assert read.assets[AssetName("firewall")].management == Management(
        Party(assets=(AssetName("hmi-1"), AssetName("hmi-2"))), (Port("tcp", 22, 22),)
    )


@pytest.mark.parametrize(
    ("flow", "name", "line", "words"),
    [
        ("t: {from: [offce], to: [gw-1], ports: [tcp/1]}", "unknown-party", 17, "did you mean 'office'?"),
        ("t: {from: [office], to: [printer], ports: [tcp/1]}", "unknown-party", 17, "name a zone, an asset"),
        ("t: {from: [office], to: [meter], ports: [tcp/1]}", "no-address", 17, "or name its gateway"),
        ("t: {from: [empty], to: [gw-1], ports: [tcp/1]}", "no-address", 17, "or name assets"),
        ("t: {from: [10.1.0.1/24], to: [gw-1], ports: [tcp/1]}", "bad-network", 17, "10.1.0.0/24"),
        ("t: {from: [office], to: [gw-1], ports: [443]}", "bad-port", 17, "tcp/443"),
        ("t: {from: [office], to: [gw-1], ports: [sctp/1]}", "bad-port", 17, "udp/123 or icmp"),
        ("t: {from: [office], to: [gw-1], ports: [tcp/9-1]}", "bad-port", 17, "tcp/443"),
        ("t: {from: [office], to: [gw-1], ports: []}", "out-of-range", 17, "choose another value"),
        ("t: {from: [], to: [gw-1], ports: [tcp/1]}", "out-of-range", 17, "choose another value"),
        ("t: {form: [office], to: [gw-1], ports: [tcp/1]}", "unknown-key", 17, "did you mean 'from'?"),
        ("t: {from: [office], ports: [tcp/1]}", "missing-key", 17, "add `to:`"),
    ],
)
def test_a_mistake_in_a_flow_is_told_with_its_line_and_a_way_to_mend_it(
    flow: str, name: str, line: int, words: str, tmp_path: Path
) -> None:
    first = next(one for one in problems(tmp_path, flow=flow) if one.name == name)

    assert first.origin.line == line
    assert words in first.hint


def test_mistakes_of_several_flows_and_of_management_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        flow="a: {from: [nobody], to: [gw-1], ports: [icmp]}\n  b: {from: [empty], to: [gw-1], ports: [tcp]}",
        management="management: {from: [hmi], ports: [tcp/22]}",
    )

    assert [(one.name, one.origin.line) for one in found] == [
        ("unknown-party", 12),
        ("unknown-party", 17),
        ("bad-port", 18),
    ]


def findings(folder: Path, text: str) -> list[tuple[str, int]]:
    (folder / "site.yaml").write_text(text)
    return [(one.name, one.origin.line) for one in check_site(load_site(folder / "site.yaml"))]


def test_management_of_what_is_no_enforcement_point_is_found(tmp_path: Path) -> None:
    managed = "gw-1: {zone: control, addresses: [10.10.0.31], management: {from: [office], ports: [icmp]}}"
    text = SITE.replace("gw-1: {zone: control, addresses: [10.10.0.31]}", managed)
    text = text.replace("MANAGEMENT", MANAGEMENT).replace("FLOW", FLOW)

    assert findings(tmp_path, text) == [("management-elsewhere", 14)]


@pytest.mark.parametrize(
    ("clients", "found"), [("[historian]", [("essential-from-outside", 18)]), ("[scada]", [])]
)
def test_an_essential_rule_for_clients_that_an_island_cuts_off_is_found(
    clients: str, found: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert findings(tmp_path, ESSENTIAL.replace("CLIENTS", clients)) == found


def test_the_schema_knows_flows_and_management() -> None:
    schema = json_schema()

    assert set(schema["$defs"]["FlowShape"]["properties"]) == {"from", "to", "ports", "why"}
    assert "management" in schema["$defs"]["AssetShape"]["properties"]
