"""A bus, a device server, and a server of one connection: many clients, and `modwarden run` between."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.framer import FramerType
from tests.doubles.bus import SerialCable
from tests.doubles.guard import COMMAND, GuardChild, free_port, wait_until
from tests.doubles.plant_server import PlantServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK, GUARD, HMI = "127.0.0.1", "127.10.0.2", "127.10.0.5"
UNITS = (11, 12, 13)
DENIED = 0x01
SITE = """\
modwarden: 1
site: Buses
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24, 127.0.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  tools:  {{zone: control, addresses: [127.0.0.1]}}
  bus-1:
    zone: field
    reply_timeout: 500ms
    serial: {{port: {serial}, baud: 115200, parity: none, stop_bits: 2}}
  "meter-[11-13]": {{zone: field, via: bus-1, unit_id: "[11-13]"}}
  ds-1:
    {{zone: field, addresses: [127.11.0.7], port: {rtu_port}, framing: rtu_over_tcp, reply_timeout: 500ms}}
  "pump-[11-13]": {{zone: field, via: ds-1, unit_id: "[11-13]"}}
  plc-1:
    zone: field
    addresses: [127.11.0.8]
    port: {tcp_port}
    unit_ids: [1]
    connections: {{shared: true, pause: 1ms}}
conduits:
  plant:
    from: [control]
    to: field
    servers:
      bus-1: {{listen: "127.10.0.2:{ports[0]}"}}
      ds-1:  {{listen: "127.10.0.2:{ports[1]}"}}
      plc-1: {{listen: "127.10.0.2:{ports[2]}"}}
    rules:
      - {{name: reads, clients: [hmi-1, tools], permit: [read]}}
      - {{name: writes, clients: [hmi-1], permit: [write], ranges: [holding_register 0-99]}}
journal: {{directory: journal}}
"""

pytestmark = pytest.mark.timeout(120)


@dataclass
class Plant:
    """A guard under its supervisor, and where it listens for the bus, the device server and the server."""

    guard: GuardChild
    ports: tuple[int, int, int]
    clients: list[ModbusTcpClient] = field(default_factory=list)

    def client(self, index: int, source: str = HMI) -> ModbusTcpClient:
        client = ModbusTcpClient(
            GUARD, port=self.ports[index], source_address=(source, 0), timeout=5, retries=0
        )
        self.clients.append(client)
        assert client.connect()  # type: ignore[no-untyped-call]
        return client

    def hang_up(self) -> None:
        for client in self.clients:
            client.close()  # type: ignore[no-untyped-call]

    def line(self, name: str) -> dict[str, object]:
        found = next(line for line in self.guard.status()["lines"] if line["name"] == name)
        return dict(found)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder: Path = tmp_path_factory.mktemp("buses")
    with ExitStack() as ending:
        serial = ending.enter_context(PlantServer(LOOPBACK, UNITS, FramerType.RTU))
        behind = ending.enter_context(PlantServer("127.11.0.7", UNITS, FramerType.RTU))
        single = ending.enter_context(PlantServer("127.11.0.8"))
        cable = ending.enter_context(SerialCable(serial.port))
        ports = (free_port(GUARD), free_port(GUARD), free_port(GUARD))
        guard = GuardChild(folder)
        guard.site.write_text(
            SITE.format(serial=cable.port, rtu_port=behind.port, tcp_port=single.port, ports=ports)
        )
        with (folder / "log").open("ab") as log:
            guard.process = subprocess.Popen(
                [*COMMAND, "run", str(guard.site)], stdout=log, stderr=log, cwd=folder, env=os.environ
            )
        ending.callback(guard.end)
        ending.callback(guard.terminate)
        wait_until(
            lambda: guard.ask("status", str(guard.site), "--json").returncode == 0, "the guard answers"
        )
        plant = Plant(guard, ports)
        ending.callback(plant.hang_up)
        yield plant


@pytest.mark.parametrize("index", [0, 1])
def test_a_unit_of_a_bus_is_read_and_written_and_each_write_is_recorded(plant: Plant, index: int) -> None:
    client = plant.client(index)
    written = client.write_register(5, 4711, device_id=12)
    found = client.read_holding_registers(4, count=3, device_id=12)
    other = client.read_input_registers(7, count=1, device_id=13)

    assert not written.isError()
    assert (found.registers, other.registers) == ([4, 4711, 6], [13_007])
    server = ("meter-12", "pump-12")[index]
    rows = plant.guard.records("--server", server)
    assert [row["kind"] for row in rows if row["function_code"] == 6 and row["address"] == 5] == [
        "request.permitted",
        "request.outcome",
    ]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_what_no_rule_permits_never_reaches_the_line(plant: Plant, index: int) -> None:
    name = ("bus-1", "ds-1", "plc-1")[index]
    before = plant.line(name)["requests"]
    refused = plant.client(index).write_register(200, 1, device_id=1 if index == 2 else 12)

    assert refused.exception_code == DENIED
    assert plant.line(name)["requests"] == before


@pytest.mark.parametrize("index", [0, 1, 2])
def test_clients_that_ask_at_once_each_hear_their_own_reply(plant: Plant, index: int) -> None:
    def ask(number: int) -> int:
        client = plant.client(index)
        unit = 1 if index == 2 else UNITS[number]
        for turn in range(40):
            found = client.read_input_registers(turn, count=2, device_id=unit)
            assert found.registers == [unit * 1000 + turn, unit * 1000 + turn + 1]
        return 40

    with ThreadPoolExecutor(3) as clients:
        assert list(clients.map(ask, range(3))) == [40, 40, 40]


@pytest.mark.needs_tool("ss")
def test_many_clients_of_one_server_are_one_connection(plant: Plant) -> None:
    clients = [plant.client(2) for _ in range(5)]
    for client in clients:
        assert client.read_holding_registers(0, count=1, device_id=1).registers == [0]

    assert plant.line("plc-1")["losses"] == 0
    found = subprocess.run(["ss", "-Htn", "dst", "127.11.0.8"], capture_output=True, text=True, check=True)
    assert len(re.findall("ESTAB", found.stdout)) == 1


@pytest.mark.needs_tool("mbpoll")
def test_mbpoll_reads_a_unit_of_the_serial_bus(plant: Plant) -> None:
    command = ["mbpoll", "-1", "-0", "-a", "13", "-t", "3", "-r", "3", "-c", "2", "-o", "5"]
    done = subprocess.run(
        [*command, "-p", str(plant.ports[0]), GUARD],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert re.findall(r"^\[\d+\]:\s+(\d+)", done.stdout, re.MULTILINE) == ["13003", "13004"], done.stderr


def test_lines_stand_in_status_and_top(plant: Plant) -> None:
    for command in (("status",), ("top", "--once")):
        shown = plant.guard.ask(command[0], str(plant.guard.site), *command[1:]).stdout

        assert re.search(r"bus-1 +/dev/pts/\d+ +\d+ %", shown), shown
        assert "CRC errors" in shown
