"""Fixtures of the system tests: one guard before one server, with the lab's unit or with a double."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pymodbus.client import ModbusTcpClient
from tests.doubles.guard import COMMAND, PATIENCE_S, GuardChild, free_port
from tests.doubles.guarded import GUARD, HMI, UNIT, Guarded, Wanted, guard_one_plc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The exit code where nobody answers; a guard that does, but has an alarm, ends `status` with 1.
UNREACHABLE = 3

SITE = """\
modwarden: 1
site: Bench
timezone: Europe/Berlin
zones:
  field:      {{level: 0, sl_t: 2, networks: [127.11.0.0/16]}}
  control:    {{level: 1, sl_t: 2, networks: [127.10.0.0/24]}}
points:
  ahu:
    supply_temperature: {{at: input_register 0, type: int16, scale: 0.1, engineering_unit: degC}}
    temperature_setpoint:
      {{at: holding_register 100-101, type: float32, engineering_unit: degC, write: {{range: [18, 24]}}}}
    fan_enable: {{at: coil 0}}
assets:
  gate-1:  {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:   {{zone: control, addresses: [127.10.0.5]}}
  ahu-001: {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1], points: ahu}}
conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    on_failure: {{policy: {on_policy_failure}}}
    servers:
      ahu-001: {{listen: "127.10.0.2:{guard_port}"}}
    rules:
      - {{name: hmi-reads, clients: [hmi-1], permit: [read]}}
      - {{name: hmi-climate, clients: [hmi-1], permit: [write], points: [temperature_setpoint]}}
journal: {{directory: journal}}
tests:
  - {{client: hmi-1, server: ahu-001, request: "write temperature_setpoint 21.5", expect: permit}}
  - {{client: hmi-1, server: ahu-001, request: "write temperature_setpoint 26", expect: deny}}
"""


@dataclass
class Bench(GuardChild):
    """One of the lab's units, one guard before it under its supervisor, and the commands about them."""

    server_port: int = 0
    guard_port: int = 0
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    clients: list[ModbusTcpClient] = field(default_factory=list)

    def write_site(self, text: str = SITE, *, on_policy_failure: str = "last_good") -> None:
        ports = {"server_port": self.server_port, "guard_port": self.guard_port}
        self.site.write_text(text.format(**ports, on_policy_failure=on_policy_failure))

    def edit_site(self, old: str, new: str) -> None:
        text = self.site.read_text()
        assert old in text
        self.site.write_text(text.replace(old, new))

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*COMMAND, *arguments], stdout=log, stderr=log, cwd=self.folder, env=os.environ
            )
        self.started.append(process)
        return process

    def start_guard(self) -> subprocess.Popen[bytes]:
        guard = self.run("run", str(self.site))
        self.wait_for_guard(guard)
        return guard

    def wait_for_guard(self, guard: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.ask("status", str(self.site), "--json").returncode == UNREACHABLE:
            assert guard.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def records_once(self, count: int, *filters: str) -> list[dict[str, Any]]:
        """Wait until the journal has committed so many rows."""
        deadline = time.monotonic() + PATIENCE_S
        while len(rows := self.records(*filters)) < count:
            assert time.monotonic() < deadline, rows
            time.sleep(0.1)
        return rows

    def client(self, port: int | None = None, host: str = GUARD) -> ModbusTcpClient:
        client = ModbusTcpClient(
            host, port=port or self.guard_port, source_address=(HMI, 0), timeout=5, retries=0
        )
        self.clients.append(client)
        is_connected = client.connect()  # type: ignore[no-untyped-call]
        assert is_connected
        return client


def _wait_for_port(address: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        assert time.monotonic() < deadline, f"{address}:{port} never listened"
        time.sleep(0.05)


def _close_all(clients: list[ModbusTcpClient]) -> None:
    for client in clients:
        client.close()  # type: ignore[no-untyped-call]


def _end_all(started: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(started):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, server_port=free_port(UNIT), guard_port=free_port(GUARD))
    bench.write_site()
    with ExitStack() as ending:
        ending.callback(_end_all, bench.started)
        ending.callback(_close_all, bench.clients)
        bench.run("lab", "cleanroom", "--units", "1", "--listen", f"{UNIT}:{bench.server_port}")
        _wait_for_port(UNIT, bench.server_port)
        yield bench


@pytest.fixture
def guarded(tmp_path: Path, wanted: Wanted) -> Iterator[Guarded]:
    """A guard that has not been started, as the test file's own `wanted` describes it, and its server."""
    with ExitStack() as ending:
        yield guard_one_plc(tmp_path, wanted, ending)
