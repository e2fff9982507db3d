"""Tunnels in the site file: read, and each mistake told with its line."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from modwarden.model import AssetName, Credentials, Port, TunnelKind, TunnelName
from modwarden.site import json_schema

TEST = "tests:\n"
ASSETS = "  hmi-1: {zone: control, addresses: [10.10.0.5]}\n"
ROUTERS = (
    ASSETS
    + """\
  gate-a: {zone: control, addresses: [10.10.0.9, 198.51.100.1]}
  gate-b: {zone: field, addresses: [10.11.9.1, 198.51.100.2]}
"""
)
WIREGUARD = """\
tunnels:
  pumping:
    kind: wireguard
    keepalive: 25s
    conduit: hvac
    ends:
      gate-a:
        address: 198.51.100.1
        inside: 10.9.0.1
        interface: wg-pumping
        networks: [10.10.0.0/24]
      gate-b:
        inside: 10.9.0.2
        interface: wg-plant
        networks: [10.11.0.0/16]
"""
IPSEC = """\
tunnels:
  pumping:
    kind: ipsec
    ends:
      gate-a:
        address: 198.51.100.1
        identity: gate-a.example
        certificate: certs/gate-a.pem
        ca: [certs/plant-ca.pem]
        networks: [10.10.0.0/24]
      gate-b:
        address: 198.51.100.2
        identity: gate-b.example
        certificate: certs/gate-b.pem
        ca: [certs/plant-ca.pem]
        networks: [10.11.0.0/16]
        ports: [tcp/502]
"""


def test_a_wireguard_tunnel_has_two_ends_and_a_port_that_nobody_chose(workshop: Any) -> None:
    site = workshop.load((ASSETS, ROUTERS), (TEST, WIREGUARD + TEST))
    tunnel = site.tunnels[TunnelName("pumping")]
    first, second = tunnel.ends

    assert (tunnel.kind, tunnel.keepalive_s, tunnel.conduit) == (TunnelKind.WIREGUARD, 25, "hvac")
    assert (first.asset, first.address, first.port) == ("gate-a", ip_address("198.51.100.1"), 51820)
    assert (second.asset, second.address, second.port) == ("gate-b", None, None)
    assert (second.inside, second.interface) == (ip_address("10.9.0.2"), "wg-plant")
    assert second.networks == (ip_network("10.11.0.0/16"),)
    assert tunnel.peer_of(first) == second
    assert site.tunnel_ends(AssetName("gate-b")) == ((tunnel, second),)
    assert site.tunnel_ends(AssetName("hmi-1")) == ()


def test_an_ipsec_tunnel_has_credentials_and_may_narrow_its_ports(workshop: Any) -> None:
    site = workshop.load((ASSETS, ROUTERS), (TEST, IPSEC + TEST))
    first, second = site.tunnels[TunnelName("pumping")].ends

    assert first.credentials == Credentials("gate-a.example", "certs/gate-a.pem", ("certs/plant-ca.pem",))
    assert (first.port, first.ports) == (None, ())
    assert second.ports == (Port("tcp", 502, 502),)


GATE_B = "      gate-b:\n        inside: 10.9.0.2\n"
THIRD = "      hmi-1: {interface: wg0, networks: [10.99.0.0/24]}\n"
KEY, INSIDE = "public_key:", "        inside: 10.9.0.2"
SECOND = WIREGUARD.replace("tunnels:\n", "").replace("  pumping:", "  other:").replace("conduit: hvac", "")
MISTAKES = [
    (WIREGUARD, "      gate-b:", "      gate-c:", "unknown-asset", "      gate-c:"),
    (WIREGUARD, "conduit: hvac", "conduit: hvad", "unknown-conduit", "conduit: hvad"),
    (WIREGUARD, "  pumping:", "  pump ing:", "bad-name", "  pump ing:"),
    (WIREGUARD, WIREGUARD[WIREGUARD.index(GATE_B) :], "", "tunnel-ends", "    ends:"),
    (WIREGUARD, GATE_B, THIRD + GATE_B, "tunnel-ends", "    ends:"),
    (WIREGUARD, "25s", "500ms", "bad-keepalive", "keepalive:"),
    (WIREGUARD, "25s", "30h", "bad-keepalive", "keepalive:"),
    (WIREGUARD, "address: 198.51.100.1", "address: 198.51.100.3", "unknown-address", "address:"),
    (WIREGUARD, "address: 198.51.100.1", "address: here", "bad-address", "address:"),
    (WIREGUARD, "        address: 198.51.100.1\n", "", "nobody-answers", "    ends:"),
    (WIREGUARD, "address: 198.51.100.1", "port: 51821", "missing-key", "        port:"),
    (WIREGUARD, "        interface: wg-plant\n", "", "missing-key", "      gate-b:"),
    (WIREGUARD, "wg-plant", "wg/plant", "bad-interface", "interface: wg/plant"),
    (WIREGUARD, "wg-plant", "a-name-of-16-lett", "bad-interface", "interface: a-name"),
    (WIREGUARD, "inside: 10.9.0.2", "identity: b.example", "wrong-kind", "identity:"),
    (WIREGUARD, "inside: 10.9.0.2", "ports: [tcp/502]", "wrong-kind", "ports:"),
    (WIREGUARD, "        inside: 10.9.0.2\n", "", "missing-key", "      gate-b:"),
    (WIREGUARD, "inside: 10.9.0.2", "inside: 10.9.0.1", "duplicate-address", "inside: 10.9.0.1"),
    (WIREGUARD, "inside: 10.9.0.2", "inside: 10.10.0.5", "inside-in-zone", "inside: 10.10.0.5"),
    (WIREGUARD, "inside: 10.9.0.2", "inside: 198.51.100.1", "duplicate-address", "inside: 198"),
    (WIREGUARD, "10.11.0.0/16]", "10.10.0.0/25]", "overlapping-networks", "networks: [10.10.0.0/25]"),
    (WIREGUARD, "10.11.0.0/16]", "10.9.0.0/24]", "overlapping-networks", "networks: [10.9.0.0/24]"),
    (WIREGUARD, "10.10.0.0/24]", "0.0.0.0/0]", "tunnel-in-itself", "networks: [0.0.0.0/0]"),
    (WIREGUARD, "10.11.0.0/16]", "10.11.0.0/33]", "bad-network", "networks: [10.11.0.0/33]"),
    (WIREGUARD, "inside: 10.9.0.2", f"{KEY} c2hvcnQ=\n{INSIDE}", "bad-key", "public_key:"),
    (WIREGUARD, "inside: 10.9.0.2", f"{KEY} '?'\n{INSIDE}", "bad-key", "public_key:"),
    (WIREGUARD, "kind: wireguard", "kind: openvpn", "bad-value", "kind:"),
    (IPSEC, "        certificate: certs/gate-b.pem\n", "", "missing-key", "      gate-b:"),
    (IPSEC, "        identity: gate-b.example\n", "", "missing-key", "      gate-b:"),
    (IPSEC, "        networks: [10.11.0.0/16]\n", "", "missing-key", "      gate-b:"),
    (IPSEC, "identity: gate-b.example", 'identity: "gate b"', "bad-name", "identity:"),
    (IPSEC, "certs/gate-b.pem", "'certs/gate b.pem'", "bad-name", "certificate:"),
    (IPSEC, "ports: [tcp/502]", "ports: [modbus]", "bad-port", "ports:"),
    (IPSEC, "ports: [tcp/502]", "ports: [tcp/502-503]", "port-span", "ports:"),
    (IPSEC, "ports: [tcp/502]", "port: 51820", "wrong-kind", "port:"),
    (IPSEC, "address: 198.51.100.2", 'address: "2001:db8::2"', "mixed-versions", "address:"),
    (IPSEC, "ports: [tcp/502]", "interface: ipsec0", "wrong-kind", "interface:"),
    (WIREGUARD + SECOND, "  other:", "  other:", "duplicate-port", "  other:"),
    (WIREGUARD + SECOND, "  other:", "  other:", "duplicate-interface", "  other:"),
    (WIREGUARD + SECOND, "  other:", "  other:", "overlapping-tunnels", "  other:"),
    (WIREGUARD + SECOND, "  other:", "  other:", "duplicate-address", "  other:"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "before", "after", "name", "where"), MISTAKES)
def test_a_mistake_is_told_with_its_line(
    workshop: Any, good: str, before: str, after: str, name: str, where: str
) -> None:
    assert good.count(before) == 1
    routers = ROUTERS.replace("198.51.100.2]", '198.51.100.2, "2001:db8::2"]')
    written = good.replace(before, after)
    problems = workshop.problems((ASSETS, routers), (TEST, written + TEST))
    lines = (workshop.folder / "site.yaml").read_text().splitlines()
    told = [problem for problem in problems if problem.name == name]

    assert told, problems
    below = next(number for number, line in enumerate(lines, start=1) if where in line)
    assert told[0].origin.line >= below
    assert where in lines[told[0].origin.line - 1] or where == "  other:"
    assert told[0].hint


def test_an_interface_that_the_asset_has_already_is_refused(workshop: Any) -> None:
    routers = ROUTERS.replace("gate-b: {zone: field,", "gate-b: {zone: field, interfaces: {wg-plant: []},")
    problems = workshop.problems((ASSETS, routers), (TEST, WIREGUARD + TEST))

    assert [problem.name for problem in problems] == ["duplicate-interface"]


def test_the_schema_knows_tunnels() -> None:
    schema = json_schema()

    assert "tunnels" in schema["properties"]
    assert set(schema["$defs"]["TunnelEndShape"]["properties"]) >= {"networks", "inside", "identity", "ports"}


DECLARED = ("    guard: gate-1\n", "    guard: gate-1\n    protection: {encryption: wireguard}\n")


def names(findings: Any) -> list[str]:
    return [f.name for f in findings if f.name in ("conduit-without-tunnel", "end-does-not-forward")]


def test_a_conduit_that_declares_a_tunnel_which_is_not_there_is_told(workshop: Any) -> None:
    (finding,) = [f for f in workshop.findings(DECLARED) if f.name == "conduit-without-tunnel"]

    assert finding.origin.line == workshop.line_of("encryption: wireguard")
    assert finding.message == "'hvac' declares wireguard, and no such tunnel leads between its zones"


@pytest.mark.parametrize(
    ("tunnel", "told"),
    [
        (WIREGUARD, []),
        (WIREGUARD.replace("    conduit: hvac\n", ""), []),
        (WIREGUARD.replace("    conduit: hvac\n", "").replace("10.11.0.0/16", "10.12.0.0/16"), []),
        (IPSEC, ["conduit-without-tunnel"]),
    ],
)
def test_a_tunnel_between_its_zones_bears_the_declaration_out(
    workshop: Any, tunnel: str, told: list[str]
) -> None:
    routers = ROUTERS.replace("  gate-a: {", "  gate-a: {forwards: true, ")
    routers = routers.replace("  gate-b: {", "  gate-b: {forwards: true, ")

    assert names(workshop.findings(DECLARED, (ASSETS, routers), (TEST, tunnel + TEST))) == told


def test_networks_behind_an_end_that_forwards_nothing_are_told(workshop: Any) -> None:
    assert (
        names(workshop.findings((ASSETS, ROUTERS), (TEST, WIREGUARD + TEST))) == ["end-does-not-forward"] * 2
    )
