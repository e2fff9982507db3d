"""Transparent insertion in a site file: what it needs, what it excludes, and what `check` says of it."""

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from modwarden.model import AlsoPass, ClientAddress, Layout, OnGuardFailure, PassProtocol, Socket, Transparent
from modwarden.site import SiteError, load_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.site.conftest import Workshop

CHOSEN = "    transparent: {clients_on: [lan0], servers_on: lan1}\n"
SITE = f"""\
modwarden: 1
site: Transparent
zones:
  field: {{networks: [10.11.0.0/16]}}
  control: {{networks: [10.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [10.10.0.2]}}
  hmi-1: {{zone: control, addresses: [10.10.0.5]}}
  plc-1: {{zone: field, addresses: [10.11.0.1, 10.11.0.2], unit_ids: [1]}}
  bus-1: {{zone: field, serial: {{port: /dev/ttyS0, baud: 19200, parity: even, stop_bits: 1}}, unit_ids: [1]}}
conduits:
  cell:
    from: [control]
    to: field
    guard: gate-1
    insertion: transparent
{CHOSEN}    servers:
      plc-1: {{}}
    rules:
      - {{name: reads, clients: [hmi-1], permit: [read]}}
"""


def write(folder: "Path", *changes: tuple[str, str]) -> "Path":
    text = SITE
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (folder / "site.yaml").write_text(text)
    return folder / "site.yaml"


def test_it_says_where_the_guard_stands_and_clients_connect_to_every_address_of_the_server(
    tmp_path: "Path",
) -> None:
    words = (
        "servers_on: lan1, layout: same_subnet, client_address: guard, port: 2000, also_pass: [udp 123, icmp]"
    )
    site = load_site(write(tmp_path, ("servers_on: lan1", words)))
    conduit = next(iter(site.conduits.values()))
    sockets = [site.sockets(conduit, binding) for binding in conduit.servers]

    assert conduit.transparent == Transparent(
        ("lan0",),
        "lan1",
        Layout.SAME_SUBNET,
        ClientAddress.GUARD,
        2000,
        (AlsoPass(PassProtocol.ICMP), AlsoPass(PassProtocol.UDP, 123)),
    )
    assert sockets == [(Socket(IPv4Address("10.11.0.1"), 502), Socket(IPv4Address("10.11.0.2"), 502))]


def test_the_guard_may_let_everything_pass_without_it(tmp_path: "Path") -> None:
    site = load_site(write(tmp_path, (CHOSEN, CHOSEN + "    on_failure: {guard: open}\n")))

    assert [one.on_failure.guard for one in site.conduits.values()] == [OnGuardFailure.OPEN]
    assert [one.fails_open for guard in site.guards() for one in site.diversions(guard)] == [True]


# name · what is replaced · by what · words of the message
MISTAKES = [
    ("no-interfaces", CHOSEN, "", "clients_on: [eth0], servers_on: eth1"),
    ("transparent-not-chosen", "    insertion: transparent\n", "", "add `insertion: transparent`"),
    ("listen-not-used", "plc-1: {}", 'plc-1: {listen: "10.10.0.2:1"}', "remove `listen`"),
    ("bad-interface", "[lan0]", "[lan 0]", "'lan 0' is no name of an interface"),
    ("bad-interface", "[lan0]", '["lan*"]', "as `ip link` shows it"),
    ("bad-interface", "[lan0]", "[sixteen-letters-]", "is no name of an interface"),
    ("one-interface", "servers_on: lan1", "servers_on: lan0", "would not need the guard"),
    ("bad-pass", "lan1}", "lan1, also_pass: [everything]}", "write icmp, tcp PORT or udp PORT"),
    ("bad-pass", "lan1}", "lan1, also_pass: [tcp 70000]}", "cannot be passed"),
    ("modbus-passed", "lan1}", "lan1, also_pass: [tcp 802]}", "would let Modbus pass the guard"),
    ("serial-not-diverted", "plc-1: {}", "bus-1: {}", "behind a serial port"),
    ("bad-host-name", "  cell:\n", '  "a \\" b":\n', "cannot hold such a name"),
    ("too-small", "lan1}", "lan1, port: 80}", "1024"),
]


@pytest.mark.parametrize(("name", "before", "after", "words"), MISTAKES)
def test_each_mistake_has_its_name_and_its_cure(
    tmp_path: "Path", name: str, before: str, after: str, words: str
) -> None:
    with pytest.raises(SiteError) as caught:
        load_site(write(tmp_path, (before, after)))
    problems = caught.value.problems
    told = [f"{problem.what}: {problem.hint}" for problem in problems]

    assert name in [problem.name for problem in problems] or name == "too-small"
    assert any(words in one for one in told), told


def test_a_proxy_still_needs_its_listener(workshop: "Workshop") -> None:
    problems = workshop.problems(('gw-1: {listen: "10.10.0.2:1502"}', "gw-1: {}"))

    assert [problem.name for problem in problems] == ["no-listener"]


def test_one_server_address_leads_through_one_conduit(tmp_path: "Path") -> None:
    path = write(tmp_path)
    text = path.read_text()
    path.write_text(text + text[text.index("  cell:") :].replace("  cell:", "  other:"))
    with pytest.raises(SiteError, match=r"10\.11\.0\.1:502 is also the listener of conduit 'cell'"):
        load_site(path)


PORT = "[lan0], servers_on: lan1, also_pass: [tcp 1502]}"
FINDINGS = [
    ("fails-open", CHOSEN, CHOSEN + "    on_failure: {guard: open}\n", "unseen and unrecorded"),
    ("passes-beside", "lan1}", "lan1, also_pass: [icmp, tcp 443]}", "icmp, tcp 443 passes"),
    ("passes-nothing", "[lan0], servers_on: lan1}", PORT, "speaks Modbus at that port"),
    ("unknown-neighbour", "lan1}", "lan1, layout: same_subnet}", "10.10.0.0/24"),
    (
        "address-not-kept",
        "unit_ids: [1]}\n  bus",
        "unit_ids: [1], connections: {shared: true}}\n  bus",
        "guard's address",
    ),
]


@pytest.mark.parametrize(("name", "before", "after", "words"), FINDINGS)
def test_a_choice_that_weakens_something_is_told(
    tmp_path: "Path", name: str, before: str, after: str, words: str
) -> None:
    from modwarden.site import check_site

    changes = [(before, after)]
    if name == "passes-nothing":
        changes.append(("10.11.0.2], unit_ids", "10.11.0.2], port: 1502, unit_ids"))
    if name == "unknown-neighbour":
        changes.append(("clients: [hmi-1]", "clients: [control]"))
    found = [one for one in check_site(load_site(write(tmp_path, *changes))) if one.name == name]

    assert [words in one.message for one in found] == [True], found
