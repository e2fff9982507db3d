"""Clients that others wrote, through the guard, to a server that others wrote."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient
from pymodbus.pdu.file_message import FileRecord
from tests.doubles.guard import GuardChild, free_port
from tests.doubles.plant_server import IDENTITY, PlantServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The tools choose no source address, so the kernel gives them this one.
TOOLS, UNIT = "127.0.0.1", "127.11.0.1"
DENIED = 200
ILLEGAL_FUNCTION = 0x01
LIBMODBUS_CLIENT = Path(__file__).resolve().parents[1] / "doubles" / "libmodbus_client.c"
SITE = """\
modwarden: 1
site: Tools
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.0.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.0.0.1]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    servers: {{plc-1: {{listen: "127.0.0.1:{guard_port}"}}}}
    rules:
      - name: tables
        clients: [127.0.0.1]
        permit: [read, write]
        ranges: [coil 0-99, discrete_input 0-99, holding_register 0-99, input_register 0-99]
      - {{name: about, clients: [127.0.0.1], permit: [{about}]}}
journal: {{directory: journal}}
"""
ABOUT = "identify, diagnostics.read, diagnostics.echo, files"
Call = tuple[str, dict[str, Any]]
CALLS: tuple[Call, ...] = (
    ("read_coils", {"address": 80, "count": 7}),
    ("read_discrete_inputs", {"address": 3, "count": 7}),
    ("read_holding_registers", {"address": 90, "count": 10}),
    ("read_input_registers", {"address": 5, "count": 3}),
    ("write_coil", {"address": 1, "value": True}),
    ("write_register", {"address": 1, "value": 4711}),
    ("write_coils", {"address": 8, "values": [True, False, True]}),
    ("write_registers", {"address": 10, "values": [1, 2, 65535]}),
    ("mask_write_register", {"address": 12, "and_mask": 0x00F0, "or_mask": 0x0A05}),
    ("readwrite_registers", {"read_address": 20, "read_count": 2, "write_address": 20, "values": [7, 8]}),
    ("read_exception_status", {}),
    ("diag_query_data", {"msg": b"\x12\x34"}),
    ("diag_read_bus_message_count", {}),
    ("diag_get_comm_event_counter", {}),
    ("diag_get_comm_event_log", {}),
    ("report_device_id", {}),
    ("read_device_information", {"read_code": 1, "object_id": 0}),
    ("write_file_record", {"records": [FileRecord(file_number=1, record_number=0, record_data=b"abcd")]}),
)
DENIED_CALLS: tuple[Call, ...] = (
    ("read_coils", {"address": DENIED, "count": 1}),
    ("read_discrete_inputs", {"address": 99, "count": 2}),
    ("read_holding_registers", {"address": 99, "count": 2}),
    ("read_input_registers", {"address": DENIED, "count": 1}),
    ("write_coil", {"address": DENIED, "value": True}),
    ("write_register", {"address": DENIED, "value": 1}),
    ("write_coils", {"address": 98, "values": [True, True, True]}),
    ("write_registers", {"address": 99, "values": [1, 2]}),
    ("mask_write_register", {"address": DENIED, "and_mask": 0, "or_mask": 1}),
    ("readwrite_registers", {"read_address": 0, "read_count": 1, "write_address": DENIED, "values": [1]}),
    ("readwrite_registers", {"read_address": DENIED, "read_count": 1, "write_address": 0, "values": [1]}),
    ("diag_clear_counters", {}),
    ("diag_restart_communication", {"toggle": True}),
    ("diag_force_listen_only", {}),
)

pytestmark = pytest.mark.timeout(120)


@dataclass
class Path2Plant:
    """A real server, and the guard before it."""

    guard: GuardChild
    port: int
    server: PlantServer


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Path2Plant]]:
    with ExitStack() as ending:

        def start(about: str = ABOUT) -> Path2Plant:
            server = ending.enter_context(PlantServer(UNIT))
            port = free_port(TOOLS)
            guard = GuardChild(tmp_path)
            text = SITE.format(server_port=server.port, guard_port=port, about=about)
            guard.site.write_text(text)
            ending.callback(guard.end)
            guard.start()
            return Path2Plant(guard, port, server)

        yield start


def _said(answer: Any) -> dict[str, Any]:
    """All that an answer carries but its transaction id, which each connection counts for itself."""
    return {name: value for name, value in vars(answer).items() if name != "transaction_id"}


@pytest.fixture
def path(start: Callable[..., Path2Plant]) -> Path2Plant:
    return start()


def test_what_a_policy_denies_shows_pymodbus_exception_1_and_changes_nothing(path: Path2Plant) -> None:
    with ModbusTcpClient(UNIT, port=path.server.port, retries=0) as direct:
        before = direct.read_holding_registers(99, count=110).registers
        with ModbusTcpClient(TOOLS, port=path.port, retries=0) as client:
            answers = [getattr(client, name)(**arguments) for name, arguments in DENIED_CALLS[:-1]]
        after = direct.read_holding_registers(99, count=110).registers

    assert [answer.exception_code for answer in answers] == [ILLEGAL_FUNCTION] * len(answers)
    assert before == after


def test_force_listen_only_is_answered_with_exception_1_and_the_server_goes_on_answering(
    path: Path2Plant,
) -> None:
    name, arguments = DENIED_CALLS[-1]
    with ModbusTcpClient(TOOLS, port=path.port, retries=0) as client:
        getattr(client, name)(**arguments)
        answer = client.read_holding_registers(0, count=1)
    denied = path.guard.records("--verdict", "deny")

    assert answer.registers == [0]
    assert [(row["function_code"], row["sub_function"], row["exception_code"]) for row in denied] == [
        (8, 4, 1)
    ]


def test_each_call_of_pymodbus_says_the_same_through_the_guard_as_without_it(path: Path2Plant) -> None:
    with (
        ModbusTcpClient(TOOLS, port=path.port, retries=0) as client,
        ModbusTcpClient(UNIT, port=path.server.port, retries=0) as direct,
    ):
        through = {name: _said(getattr(client, name)(**arguments)) for name, arguments in CALLS}
        without = {name: _said(getattr(direct, name)(**arguments)) for name, arguments in CALLS}

    # Its server counts what it is asked, so a later question sees a higher count.
    for name in ("diag_get_comm_event_counter", "diag_get_comm_event_log", "diag_read_bus_message_count"):
        assert through.pop(name).keys() == without.pop(name).keys()
    assert through == without


async def _ask_asynchronously(port: int) -> tuple[dict[str, Any], int]:
    client = AsyncModbusTcpClient(TOOLS, port=port, retries=0)
    assert await client.connect()
    try:
        said = {name: _said(await getattr(client, name)(**arguments)) for name, arguments in CALLS}
        return said, (await client.write_register(DENIED, 1)).exception_code
    finally:
        client.close()


def test_the_asynchronous_client_of_pymodbus_writes_reads_and_is_refused(path: Path2Plant) -> None:
    said, exception_code = asyncio.run(_ask_asynchronously(path.port))

    assert said["read_holding_registers"]["registers"] == list(range(90, 100))
    assert said["readwrite_registers"]["registers"] == [7, 8]
    assert [name for name, answer in said.items() if answer.get("exception_code")] == []
    assert exception_code == ILLEGAL_FUNCTION


def _mbpoll(path: Path2Plant, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -0: addresses count from 0; -1: once, then end.
    command = ["mbpoll", "-1", "-0", "-a", "1", "-o", "5", "-p", str(path.port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def _polled(done: subprocess.CompletedProcess[str]) -> list[int]:
    assert done.returncode == 0, done.stdout + done.stderr
    return [int(value) for value in re.findall(r"^\[\d+\]:\s+(\d+)", done.stdout, re.MULTILINE)]


@pytest.mark.needs_tool("mbpoll")
def test_mbpoll_is_refused_with_illegal_function_what_no_rule_permits(path: Path2Plant) -> None:
    refused = [
        _mbpoll(path, "-t", "4", "-r", str(DENIED), TOOLS),
        _mbpoll(path, "-t", "4", "-r", str(DENIED), TOOLS, "1"),
        _mbpoll(path, "-t", "0", "-r", str(DENIED), TOOLS, "1"),
    ]

    assert [("Illegal function" in done.stderr) for done in refused] == [True] * 3
    assert [row["exception_code"] for row in path.guard.records("--verdict", "deny")] == [1] * 3


@pytest.mark.needs_tool("mbpoll")
@pytest.mark.parametrize(
    ("table", "values"), [("4", ["4711"]), ("4", ["1", "2", "3"]), ("0", ["1"]), ("0", ["1", "0", "1"])]
)
def test_mbpoll_reads_back_what_it_wrote(path: Path2Plant, table: str, values: list[str]) -> None:
    written = _mbpoll(path, "-t", table, "-r", "10", TOOLS, *values)
    found = _mbpoll(path, "-t", table, "-r", "10", "-c", str(len(values)), TOOLS)

    assert written.returncode == 0, written.stdout + written.stderr
    assert _polled(found) == [int(value) for value in values]


@pytest.mark.needs_tool("mbpoll")
@pytest.mark.parametrize(("table", "values"), [("1", [1, 0, 0, 1]), ("3", [1003, 1004, 1005, 1006])])
def test_mbpoll_reads_the_tables_that_nobody_writes(path: Path2Plant, table: str, values: list[int]) -> None:
    found = _mbpoll(path, "-t", table, "-r", "3", "-c", "4", TOOLS)

    assert _polled(found) == values


@pytest.mark.needs_tool("cc")
def test_each_call_of_libmodbus_works_and_a_denied_one_is_an_illegal_function(
    path: Path2Plant, tmp_path: Path
) -> None:
    program = _compile_libmodbus_client(tmp_path)
    done = subprocess.run(
        [str(program), TOOLS, str(path.port)], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert dict(line.split(": ", 1) for line in done.stdout.splitlines()) == {
        "write_bit": "1",
        "write_bits": "3",
        "read_bits": "1 0 1",
        "read_input_bits": "1 0 0 1",
        "write_register": "1",
        "mask_write_register": "1",
        "read_registers": str((0x1234 & 0x00FF) | (0x5600 & ~0x00FF)),
        "write_registers": "2",
        "read_input_registers": "1005 1006",
        "write_and_read_registers": "4711 4712",
        "report_slave_id": "1",
        "denied_write": "Illegal function",
        "denied_read": "Illegal function",
    }


def _compile_libmodbus_client(folder: Path) -> Path:
    program, compiler = folder / "libmodbus_client", shutil.which("cc")
    assert compiler is not None
    header = subprocess.run(
        [compiler, "-E", "-xc", "-"], input=b"#include <modbus/modbus.h>\n", capture_output=True, check=False
    )
    if header.returncode != 0:
        pytest.skip("libmodbus's header is not installed: apt install libmodbus-dev")
    built = subprocess.run(
        [compiler, "-Wall", "-Werror", "-o", str(program), str(LIBMODBUS_CLIENT), "-lmodbus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return program


def _discover(path: Path2Plant) -> str:
    """What nmap's modbus-discover says of the guard's port; `+` has it run on a port other than 502."""
    how = ["-sT", "-Pn", "-n", "--unprivileged", "-p", str(path.port), "--script", "+modbus-discover"]
    done = subprocess.run(
        ["nmap", *how, "-oX", "-", TOOLS], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    script = ET.fromstring(done.stdout).find(".//script[@id='modbus-discover']")
    return "" if script is None else script.attrib["output"]


@pytest.mark.needs_tool("nmap")
def test_nmaps_modbus_discover_learns_nothing_where_no_rule_permits_identification(
    start: Callable[..., Path2Plant],
) -> None:
    path = start(about="diagnostics.read")
    found = _discover(path)
    denied = {row["function_code"] for row in path.guard.records("--verdict", "deny")}

    assert "ILLEGAL FUNCTION" in found
    assert IDENTITY["VendorName"] not in found
    assert denied == {0x11, 0x2B}


@pytest.mark.needs_tool("nmap")
def test_nmaps_modbus_discover_identifies_the_server_where_a_rule_permits_it(path: Path2Plant) -> None:
    found = _discover(path)

    assert "sid 0x1" in found
    assert "Slave ID data:" in found
    assert f"{IDENTITY['VendorName']} {IDENTITY['ProductCode']} {IDENTITY['MajorMinorRevision']}" in found
