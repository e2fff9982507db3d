"""One listener, many servers: each request goes where its unit id belongs, and nowhere else."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pymodbus.client import ModbusTcpClient
from tests.doubles.guard import GuardChild, free_port
from tests.doubles.plant_server import PlantServer
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk, read, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HMI, GUARD = "127.10.0.5", "127.10.0.2"
DENIED, UNREACHABLE = 0x01, 0x0A
SITE = """\
modwarden: 1
site: Routed
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {ports[0]}, unit_ids: [1]}}
  plc-2:  {{zone: field, addresses: [127.11.0.2], port: {ports[1]}, unit_ids: [2, 7]}}
  gw-1:   {{zone: field, addresses: [127.11.1.1], port: {ports[2]}}}
  "flow-[11-13]": {{zone: field, via: gw-1, unit_id: "[11-13]"}}
  real-1: {{zone: field, addresses: [127.11.0.4], port: {ports[3]}, unit_ids: [4]}}
conduits:
  plant:
    from: [control]
    to: field
    servers:
      plc-1:  {{listen: "127.10.0.2:{guard_port}"}}
      plc-2:  {{listen: "127.10.0.2:{guard_port}"}}
      gw-1:   {{listen: "127.10.0.2:{guard_port}"}}
      real-1: {{listen: "127.10.0.2:{guard_port}"}}
    rules:
      - {{name: reads, clients: [hmi-1], permit: [read]}}
      - {{name: writes, clients: [hmi-1], servers: [plc-1, plc-2, flow-11, real-1], permit: [write]}}
journal: {{directory: journal}}
"""

pytestmark = pytest.mark.timeout(120)


@dataclass
class Routed:
    """A guard with one listener, and the servers behind it."""

    guard: GuardChild
    address: tuple[str, int]
    plc_1: PlcDouble
    plc_2: PlcDouble
    gateway: PlcDouble
    ending: ExitStack

    def writes(self) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
        servers = {"plc-1": self.plc_1, "plc-2": self.plc_2, "gw-1": self.gateway}
        return {
            name: [(write.unit_id, write.values) for write in plc.writes] for name, plc in servers.items()
        }


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[Routed]:
    with ExitStack() as ending:
        hosts = ("127.11.0.1", "127.11.0.2", "127.11.1.1")
        plc_1, plc_2, gateway = (ending.enter_context(PlcDouble(host)) for host in hosts)
        real = ending.enter_context(PlantServer("127.11.0.4", unit_ids=(4,)))
        port = free_port(GUARD)
        guard = GuardChild(tmp_path)
        ports = [plc_1.port, plc_2.port, gateway.port, real.port]
        guard.site.write_text(SITE.format(ports=ports, guard_port=port))
        ending.callback(guard.end)
        guard.start()
        yield Routed(guard, (GUARD, port), plc_1, plc_2, gateway, ending)


@pytest.mark.parametrize("unit_id", [0, 3, 10, 14, 255])
def test_a_unit_id_nobody_declared_is_refused_and_reaches_no_server(routed: Routed, unit_id: int) -> None:
    with Talk(routed.address, HMI) as talk:
        answers = [talk.ask(read(), unit_id), talk.ask(write(0, 1), unit_id)]
    requests = [plc.requests for plc in (routed.plc_1, routed.plc_2, routed.gateway)]

    assert answers == [bytes((0x83, DENIED)), bytes((0x86, DENIED))]
    assert requests == [0, 0, 0]


def test_a_refusal_for_an_undeclared_unit_id_is_explained_from_the_record(routed: Routed) -> None:
    with Talk(routed.address, HMI) as talk:
        talk.ask(write(0, 1), 14)
    assert routed.guard.stop() == 0, routed.guard.log
    (row,) = routed.guard.records("--verdict", "deny")
    why = routed.guard.ask("policy", "explain", str(routed.guard.journal), "--sequence", str(row["sequence"]))
    host, port = routed.address

    assert why.returncode == 0, why.stderr
    assert why.stdout.splitlines() == [
        "DENY: unit_undeclared: unit id 14",
        "the client is answered: exception 01",
        "conduit: plant",
        f"no asset is declared under unit id 14 behind {host}:{port}",
        "  gateway gw-1 has unit ids: 11, 12, 13",
        "  plc-1 has unit ids: 1",
        "  plc-2 has unit ids: 2, 7",
        "  real-1 has unit ids: 4",
        "if it is a device behind gw-1, an asset declares it: NAME: {zone: ZONE, via: gw-1, unit_id: 14}",
    ]


def test_a_rule_for_one_unit_behind_a_gateway_does_not_permit_its_neighbour(routed: Routed) -> None:
    with Talk(routed.address, HMI) as talk:
        refused, permitted = talk.ask(write(0, 1), 12), talk.ask(write(0, 1), 11)

    assert (refused, permitted) == (bytes((0x86, DENIED)), write(0, 1))
    assert routed.writes()["gw-1"] == [(11, (1,))]


def test_on_one_connection_each_write_reaches_the_server_of_its_unit_id_alone(routed: Routed) -> None:
    with Talk(routed.address, HMI) as talk:
        answers = [talk.ask(write(0, 100 + unit_id), unit_id) for unit_id in (1, 2, 11, 7, 1)]

    assert answers == [write(0, 100 + unit_id) for unit_id in (1, 2, 11, 7, 1)]
    assert routed.writes() == {
        "plc-1": [(1, (101,)), (1, (101,))],
        "plc-2": [(2, (102,)), (7, (107,))],
        "gw-1": [(11, (111,))],
    }


def test_pipelined_requests_to_many_servers_each_get_their_own_answer(routed: Routed) -> None:
    routed.plc_1.reply_delay_s = 0.2
    with Talk(routed.address, HMI) as talk:
        for unit_id in (1, 2, 11):
            talk.ask(write(5, unit_id), unit_id)
        wanted = {talk.send(read(5), unit_id): unit_id for unit_id in (1, 2, 11, 1, 2)}
        answers = [talk.receive() for _ in wanted]

    assert {ident: unit_id for ident, unit_id, _ in answers} == wanted
    assert all(pdu == b"\x03\x02" + unit_id.to_bytes(2) for _, unit_id, pdu in answers)


def test_a_server_that_is_gone_is_0a_for_its_own_unit_ids_only(routed: Routed) -> None:
    with ExitStack() as rest, Talk(routed.address, HMI) as talk:
        rest.callback(routed.ending.pop_all().close)
        gone_port = free_port("127.11.0.2")
        text = routed.guard.site.read_text()
        moved = text.replace(
            f"port: {routed.plc_2.port}, unit_ids: [2, 7]", f"port: {gone_port}, unit_ids: [2, 7]"
        )
        routed.guard.site.write_text(moved)
        assert routed.guard.control.reload().is_in_force
        with Talk(routed.address, HMI) as fresh:
            answers = [fresh.ask(read(), unit_id) for unit_id in (1, 2, 11)]
        del talk

    assert answers == [b"\x03\x02\x00\x00", bytes((0x83, UNREACHABLE)), b"\x03\x02\x00\x00"]


def test_records_name_the_server_and_the_unit_that_was_meant(routed: Routed) -> None:
    with Talk(routed.address, HMI) as talk:
        for unit_id in (1, 7, 11):
            talk.ask(write(0, 1), unit_id)
    assert routed.guard.stop() == 0, routed.guard.log
    rows = routed.guard.records("--kind", "request.permitted")

    assert [(row["server"], row["unit_id"]) for row in rows] == [("plc-1", 1), ("plc-2", 7), ("flow-11", 11)]


def test_a_real_client_reaches_a_real_server_by_unit_id(routed: Routed) -> None:
    host, port = routed.address
    with ModbusTcpClient(host, port=port, source_address=(HMI, 0), retries=0) as client:
        written = client.write_registers(10, [7, 8], device_id=4)
        found = client.read_holding_registers(9, count=4, device_id=4)
        inputs = client.read_input_registers(5, count=1, device_id=4)

    assert not written.isError()
    assert found.registers == [9, 7, 8, 12]
    assert inputs.registers == [4005]
