"""libmodbus's own unit tests through the guard: its client and its server, over TCP and serial ports."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.doubles.bus import NullModem
from tests.doubles.guard import GuardChild, free_port, is_listening, wait_until
from tests.doubles.libmodbus_own import Ends, build, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The client waits 500 ms for a reply, sleeps as long, and throws away what came meanwhile. The guard's
# answer for a server that said nothing right must fall into that sleep; the server sleeps 500 ms at times.
GUARD, SERVER = "127.10.0.2", "127.0.0.1"
ZONES = "zones: {field: {networks: [127.0.0.0/24]}, control: {networks: [127.10.0.0/24]}}\n"
TCP = """\
modwarden: 1
site: libmodbus over TCP
{zones}assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  server:
    {{zone: field, addresses: [127.0.0.1], port: {server}, unit_ids: [0, 18, 255], reply_timeout: 750ms}}
conduits:
  plant:
    from: [control, field]
    to: field
    verdicts: {verdicts}
    deadline: 10s
    servers: {{server: {{listen: "127.10.0.2:{listen}"}}}}
    rules: [{{name: all, permit: [{functions}]}}]
"""
SERIAL = """\
modwarden: 1
site: libmodbus over serial ports
{zones}assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  client: {{zone: control, serial: {{port: {ports[0]}, baud: 115200, parity: none, stop_bits: 1}}}}
  bus:
    zone: field
    reply_timeout: 600ms
    serial: {{port: {ports[1]}, baud: 115200, parity: none, stop_bits: 1}}
  server: {{zone: field, via: bus, unit_id: 17}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    insertion: serial
    client: client
    deadline: 10s
    servers: {{bus: {{}}}}
    rules: [{{name: all, permit: [{functions}]}}]
"""
# What libmodbus's client asks for, by code: 17 is its report of a server's id.
FUNCTIONS = "1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23"

pytestmark = [pytest.mark.timeout(120), pytest.mark.needs_tool("cc"), pytest.mark.needs_tool("dpkg-source")]


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch(tmp_path_factory.mktemp("libmodbus"))


@contextmanager
def _guard(folder: Path, site: str) -> Iterator[GuardChild]:
    guard = GuardChild(folder / "guard")
    guard.folder.mkdir()
    guard.site.write_text(site)
    guard.start()
    try:
        yield guard
    finally:
        guard.end()


def _passes(client: Path, server: Path, backend: str, is_ready: Callable[[], bool] = lambda: True) -> str:
    """Let the client ask the server all it has; what it says at the end."""
    with (server.parent / "server.log").open("wb") as log:
        serving = subprocess.Popen([str(server), backend], stdout=log, stderr=log)
        try:
            wait_until(is_ready, "libmodbus's server listens")
            done = subprocess.run(
                [str(client), backend], capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            serving.kill()
            serving.wait()
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr
    return done.stdout


@pytest.mark.parametrize("verdicts", ["enforce", "observe"])
def test_libmodbuss_unit_tests_pass_over_tcp(tests: Path, tmp_path: Path, verdicts: str) -> None:
    # Where a conduit observes, bytes pass as they come, bad replies too.
    listen, port = free_port(GUARD), free_port(SERVER)
    ends = Ends(f"{GUARD}:{listen}", f"{SERVER}:{port}")
    client, server = build(tests, tmp_path / "built", ends, is_assembled=verdicts == "enforce")
    site = TCP.format(zones=ZONES, server=port, listen=listen, verdicts=verdicts, functions=FUNCTIONS)
    with _guard(tmp_path, site):
        said = _passes(client, server, "tcp", lambda: is_listening(SERVER, port))

    assert "ALL TESTS PASS WITH SUCCESS" in said


def test_libmodbuss_unit_tests_pass_over_serial_ports(tests: Path, tmp_path: Path) -> None:
    with NullModem() as outer, NullModem() as inner:
        ends = Ends(outer.ports[0], inner.ports[1])
        client, server = build(tests, tmp_path / "built", ends, is_assembled=True)
        ports = (outer.ports[1], inner.ports[0])
        with _guard(tmp_path, SERIAL.format(zones=ZONES, ports=ports, functions=FUNCTIONS)) as guard:
            wait_until(lambda: guard.status()["client_ports"][0]["up"], "the client's port is open")
            said = _passes(client, server, "rtu")

    assert "ALL TESTS PASS WITH SUCCESS" in said
