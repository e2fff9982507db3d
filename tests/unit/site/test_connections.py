"""Zones and what connects them, in the site file: read, and each mistake told with its line."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from modwarden.model import AssetName, RelayKind, SecurityLevel, ZoneName
from modwarden.site import json_schema

FIELD = "  field: {networks: [10.11.0.0/16]}\n"
HMI = "  hmi-1: {zone: control, addresses: [10.10.0.5]}\n"
TEST = "tests:\n"


def test_a_zone_has_a_level_by_name_a_vector_vlans_and_a_place(workshop: Any) -> None:
    after = (
        "  field:\n    level: field\n    sl_t: {IAC: 1, UC: 2, SI: 2, DC: 0, RDF: 3, TRE: 1, RA: 4}\n"
        "    networks: [10.11.0.0/16]\n    vlans: {10.11.0.0/16: 11}\n"
        "    place: {location: Hall 2, buildings: [hall], locked: true, wireless: true}\n"
    )
    zone = workshop.load((FIELD, after)).zones[ZoneName("field")]

    assert (zone.level, zone.sl_t) == (0, SecurityLevel((1, 2, 2, 0, 3, 1, 4)))
    assert (zone.sl_t["RDF"], str(zone.sl_t)) == (3, "{1 2 2 0 3 1 4}")
    assert zone.vlans == {ip_network("10.11.0.0/16"): 11}
    assert (zone.place.location, zone.place.locked, zone.place.wireless) == ("Hall 2", True, True)


def test_one_number_stands_for_the_whole_vector(workshop: Any) -> None:
    zone = workshop.load((FIELD, FIELD.replace("{", "{sl_t: 3, "))).zones[ZoneName("field")]

    assert (zone.sl_t, str(zone.sl_t)) == (SecurityLevel.of(3), "3")


def test_an_asset_has_interfaces_relays_and_ways_in(workshop: Any) -> None:
    after = (
        "  hmi-1:\n    zone: control\n    interfaces: {eth0: [10.10.0.5], eth1: []}\n"
        "    relay: {kind: jump_host, listens: [tcp/22, tcp/3389-3390]}\n"
        "    remote_access:\n"
        "      - {kind: vpn, from: field, interface: eth1, addresses: [10.99.0.0/24], who: a vendor}\n"
    )
    asset = workshop.load((HMI, after)).assets[AssetName("hmi-1")]
    relay = asset.connections.relay

    assert asset.addresses == (ip_address("10.10.0.5"),)
    assert relay is not None
    assert (relay.kind, [str(port) for port in relay.listens]) == (
        RelayKind.JUMP_HOST,
        ["tcp/22", "tcp/3389-3390"],
    )
    assert asset.connections.remote_access[0].who == "a vendor"


MISTAKES = [
    (FIELD, FIELD.replace("{", "{level: cellar, "), "bad-level", "field:"),
    (FIELD, FIELD.replace("{", "{level: 6, "), "bad-level", "field:"),
    (FIELD, FIELD.replace("{", "{sl_t: 5, "), "bad-sl-t", "field:"),
    (FIELD, FIELD.replace("{", "{sl_t: {IAC: 1, UC: 2}, "), "bad-sl-t", "field:"),
    (FIELD, FIELD.replace("]", "], vlans: {10.12.0.0/16: 3}"), "unknown-network", "field:"),
    (FIELD, FIELD.replace("]", "], vlans: {10.11.0.0/16: 4095}"), "out-of-range", "field:"),
    (HMI, HMI.replace("}", ", relay: {kind: toaster}}"), "bad-value", "hmi-1:"),
    (HMI, HMI.replace("}", ", relay: {kind: proxy, listens: [http]}}"), "bad-port", "hmi-1:"),
    (HMI, HMI.replace("}", ", relay: {kind: proxy, listens: [tcp/9-3]}}"), "bad-port", "hmi-1:"),
    (HMI, HMI.replace("}", ", rulesets: [{file: a.nft}]}"), "no-router", "hmi-1:"),
    (HMI, HMI.replace("}", ", forwards: true, rulesets: [{file: a.cfg}]}"), "no-format", "hmi-1:"),
    (HMI, HMI.replace("}", ", interfaces: {eth0: [ten]}}"), "bad-address", "hmi-1:"),
    (HMI, HMI.replace("}", ", moves_between: [field, attic]}"), "unknown-zone", "hmi-1:"),
    (HMI, HMI.replace("}", ", remote_access: [{kind: vpn, from: attic}]}"), "unknown-zone", "hmi-1:"),
    (
        HMI,
        HMI.replace("}", ", remote_access: [{kind: vpn, from: field, interface: wg0}]}"),
        "unknown-interface",
        "hmi-1:",
    ),
    (TEST, "accounts:\n  admin: {assets: [nobody]}\n" + TEST, "unknown-asset", "admin:"),
    (TEST, "identity_sources:\n  ad: {used_by: [hmi-1], hosts: [nobody]}\n" + TEST, "unknown-asset", "ad:"),
]


@pytest.mark.parametrize(("before", "after", "name", "blamed"), MISTAKES)
def test_a_mistake_is_told_with_its_line(
    workshop: Any, before: str, after: str, name: str, blamed: str
) -> None:
    problems = workshop.problems((before, after))

    assert [problem.name for problem in problems] == [name]
    assert problems[0].origin.line == workshop.line_of(blamed)
    assert problems[0].hint


def test_many_assets_are_no_router(workshop: Any) -> None:
    before = '  "ahu-[1-2]": {zone: field, '
    problems = workshop.problems((before, before + "forwards: true, "))

    assert [problem.name for problem in problems] == ["router-range"]


def test_a_zone_without_level_beside_others_is_a_doubt(workshop: Any) -> None:
    findings = workshop.findings((FIELD, FIELD.replace("{", "{level: 0, ")))

    assert [(f.name, f.origin.line) for f in findings] == [
        ("zone-without-level", workshop.line_of("  control:"))
    ]


def test_the_schema_knows_the_new_keys() -> None:
    schema = json_schema()

    assert {"identity_sources", "accounts", "buses", "transceivers"} <= set(schema["properties"])
    assert {"interfaces", "rulesets", "relay"} <= set(schema["$defs"]["AssetShape"]["properties"])
