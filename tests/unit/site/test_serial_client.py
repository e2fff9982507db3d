"""Conduits whose client asks at a serial port of the guard's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modwarden.model import PORT_NETWORK, AssetName, ConduitName, Insertion, RuleName, SerialPort
from modwarden.site import SiteError, check_site, load_site

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Serial site
zones:
  field: {networks: [10.11.0.0/16]}
  control: {}
assets:
  gate-1: {zone: control}
  panel-1:
    {zone: control, serial: {port: /dev/ttyS0, baud: 19200, parity: even, stop_bits: 1}, line: {echo: true}}
  bus-1: {zone: field, serial: {port: /dev/ttyS1, baud: 9600, parity: none, stop_bits: 2}}
  "meter-[11-12]": {zone: field, via: bus-1, unit_id: "[11-12]"}
  plc-9: {zone: field, addresses: [10.11.1.9], unit_ids: [9]}
conduits:
  panel:
    from: [control]
    to: field
    guard: gate-1
    insertion: serial
    client: panel-1
    servers: {bus-1: {}, plc-9: {}}
    rules:
      - {name: reads, permit: [read]}
      - {name: writes, clients: [panel-1], permit: [write], servers: [plc-9]}
      - {name: zone, clients: [control], permit: [identify]}
tests:
  - {client: panel-1, server: meter-11, request: "read holding_register 0-9", expect: permit}
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = SITE
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def test_each_rule_names_the_client_by_what_stands_for_its_port(tmp_path: Path) -> None:
    site = load_site(write(tmp_path))
    conduit = site.conduits[ConduitName("panel")]
    own = site.assets[AssetName("panel-1")].client_addresses
    clients = {rule.name: rule.clients for rule in conduit.rules}

    assert conduit.insertion == Insertion.SERIAL
    assert conduit.client == "panel-1"
    assert own[0] in PORT_NETWORK
    assert {len(networks or ()) for networks in clients.values()} == {1}
    assert {str(networks[0]) for networks in clients.values() if networks} == {f"{own[0]}/128"}
    assert RuleName("zone") in clients


def test_all_servers_are_reached_at_the_clients_port(tmp_path: Path) -> None:
    bindings = load_site(write(tmp_path)).conduits[ConduitName("panel")].servers

    assert {str(binding.listen) for binding in bindings} == {"/dev/ttyS0"}
    assert all(isinstance(binding.listen, SerialPort) for binding in bindings)


def test_such_a_site_has_no_findings_of_its_own(tmp_path: Path) -> None:
    slugs = {finding.name for finding in check_site(load_site(write(tmp_path)))}

    assert not slugs & {"empty-zone", "listener-not-on-guard", "listener-clash", "unit-id-clash"}


@pytest.mark.parametrize(
    ("before", "after", "slug", "words"),
    [
        ("bus-1: {}", 'bus-1: {listen: "10.10.0.2:1502"}', "listen-on-serial", "leave `listen` out"),
        ("from: [control]", "from: [field]", "serial-client", "is in zone 'control'"),
        ("line: {echo: true}", "line: {window: 1s}", "serial-client", "keep only `echo`"),
        ("port: /dev/ttyS1", "port: /dev/ttyS0", "duplicate-port", "has the port '/dev/ttyS0' already"),
        ("client: panel-1\n", "client: bus-1\n", "serial-client", "is in zone 'field'"),
        ("unit_ids: [9]", "unit_ids: [11]", "unit-id-clash", "behind /dev/ttyS0"),
    ],
)
def test_what_does_not_go_together_is_said_with_its_place(
    tmp_path: Path, before: str, after: str, slug: str, words: str
) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(write(tmp_path, (before, after)))

    found = [problem for problem in raised.value.problems if problem.name == slug]
    assert any(words in str(problem) for problem in found), raised.value
