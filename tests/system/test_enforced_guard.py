"""A proxy's host under the rules written for it, with real packets: what reaches it, and what it opens."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.doubles.enforced import knocked, listen, write
from tests.doubles.netns import Host, cable, hosts, missing_in_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]
SITE = """\
modwarden: 1
site: One guard
zones:
  dmz:     {level: dmz, networks: [10.20.0.0/24]}
  control: {level: control, networks: [10.10.0.0/24]}
  field:   {level: field, networks: [10.11.0.0/24]}
assets:
  gate-1:
    zone: control
    addresses: [10.10.0.2, 10.11.0.1, 10.20.0.2]
    management: {from: [jump, hmi-1], ports: [tcp/22]}
  hmi-1: {zone: control, addresses: [10.10.0.5]}
  historian: {zone: dmz, addresses: [10.20.0.5]}
  jump: {zone: dmz, addresses: [10.20.0.6]}
  plc-1: {zone: field, addresses: [10.11.0.5], unit_ids: [1]}
flows:
  feed: {from: [historian], to: [gate-1], ports: [tcp/8443]}
  web: {from: [gate-1], to: [10.10.0.5], ports: [tcp/443]}
conduits:
  cell:
    from: [control, dmz]
    to: field
    guard: gate-1
    servers: {plc-1: {listen: "10.10.0.2:1502"}}
    rules: [{name: reads, clients: [hmi-1, historian], permit: [read]}]
"""
# 10.66.0.9 is in no zone; all of the others may ask the guard, which refuses and records whom no rule names.
CLIENTS = ("10.10.0.5", "10.20.0.5", "10.20.0.6", "10.66.0.9")
ASKED = {(who, "10.10.0.2", 1502) for who in CLIENTS[:3]}
OWN = ("10.10.0.2", "10.11.0.1", "10.20.0.2")
MANAGED = {(who, own, 22) for who in ("10.10.0.5", "10.20.0.6") for own in OWN}
FED = {("10.20.0.5", own, 8443) for own in OWN}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host, Path]]:
    """The guard's host with its rules, and its clients; a server is on its other side."""
    if missing := missing_in_kernel():
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("gate")
    with ExitStack() as ending:
        gate, client, server = ending.enter_context(hosts("g", "c", "s"))
        cable(gate, "c0", client, "eth0")
        cable(gate, "s0", server, "eth0")
        gate.ip("addr", "add", "10.10.0.2/24", "dev", "c0")
        gate.ip("addr", "add", "10.11.0.1/24", "dev", "s0")
        gate.ip("addr", "add", "10.20.0.2/32", "dev", "c0")
        for network in ("10.20.0.0/24", "10.66.0.0/24"):
            gate.ip("route", "add", network, "dev", "c0")
        for address in CLIENTS:
            client.ip("addr", "add", f"{address}/24", "dev", "eth0")
        client.ip("route", "add", "10.11.0.0/24", "via", "10.10.0.2")
        client.ip("route", "add", "10.20.0.2/32", "via", "10.10.0.2")
        server.ip("addr", "add", "10.11.0.5/24", "dev", "eth0")
        server.ip("route", "add", "default", "via", "10.11.0.1")
        # A host that somebody let forward: its rules do not.
        gate.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.c0.rp_filter=0")
        for host in (gate, client, server):
            listen(host, ending)
        write(folder, SITE, "gate-1")
        gate.run("nft", "-f", str(folder / "rules.nft"))
        yield gate, client, folder


def from_clients(client: Host) -> set[tuple[str, str, int]]:
    return knocked(client, CLIENTS, (*OWN, "10.11.0.5"))


def from_guard(gate: Host) -> set[tuple[str, str, int]]:
    return knocked(gate, ("0.0.0.0",), ("10.11.0.5", *CLIENTS))


def test_clients_reach_the_listener_who_manages_it_the_host_and_nobody_what_lies_behind(
    scene: tuple[Host, Host, Path],
) -> None:
    assert from_clients(scene[1]) == ASKED | MANAGED | FED


def test_the_host_opens_connections_to_its_servers_and_to_what_flows_name(
    scene: tuple[Host, Host, Path],
) -> None:
    assert from_guard(scene[0]) == {("0.0.0.0", "10.11.0.5", 502), ("0.0.0.0", "10.10.0.5", 443)}


def test_an_island_leaves_clients_within_ot_and_all_management(scene: tuple[Host, Host, Path]) -> None:
    gate, client, folder = scene
    gate.run(str(folder / "island.sh"), "on")
    try:
        asked, opened = from_clients(client), from_guard(gate)
    finally:
        gate.run(str(folder / "island.sh"), "off")

    assert asked == {("10.10.0.5", "10.10.0.2", 1502)} | MANAGED
    assert opened == {("0.0.0.0", "10.11.0.5", 502), ("0.0.0.0", "10.10.0.5", 443)}
