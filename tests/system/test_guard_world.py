"""What the world denies a guard: a port, a control socket, the time to finish a reload."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import COMMAND, GuardChild, free_port, wait_until
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk, read

if TYPE_CHECKING:
    from collections.abc import Iterator

HMI, GUARD, UNIT = "127.10.0.5", "127.10.0.2", "127.11.0.1"
SITE = """\
modwarden: 1
site: World
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    servers: {{plc-1: {{listen: "{listen}"}}}}
    rules: [{{name: reads, clients: [hmi-1], permit: [read]}}]
journal: {{directory: journal}}
"""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def address() -> tuple[str, int]:
    return GUARD, free_port(GUARD)


@pytest.fixture
def guard(tmp_path: Path, address: tuple[str, int]) -> Iterator[GuardChild]:
    with ExitStack() as ending:
        plc = ending.enter_context(PlcDouble(UNIT))
        guard = GuardChild(tmp_path)
        guard.site.write_text(SITE.format(server_port=plc.port, listen=f"{address[0]}:{address[1]}"))
        ending.callback(guard.end)
        yield guard


def _answers(address: tuple[str, int]) -> bool:
    try:
        with Talk(address, HMI) as talk:
            return talk.ask(read(0, 1)) is not None
    except OSError:
        return False


def _run(guard: GuardChild) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "run", str(guard.site), "--only", "guard"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=guard.folder, check=False)


def test_a_port_that_is_taken_is_said_with_its_conduit_and_leaves_no_journal(
    guard: GuardChild, address: tuple[str, int]
) -> None:
    with socket.create_server(address):
        refused = _run(guard)

    assert refused.returncode == 3
    assert f"listener {address[0]}:{address[1]} of conduit plant" in refused.stderr
    assert "another process listens there" in refused.stderr
    assert not guard.journal.exists()


def test_an_address_of_another_host_is_said_with_what_would_mend_it(
    guard: GuardChild, address: tuple[str, int]
) -> None:
    guard.site.write_text(guard.site.read_text().replace(f"{address[0]}:{address[1]}", "203.0.113.7:15021"))
    refused = _run(guard)

    assert refused.returncode == 3
    assert "this host has no such address" in refused.stderr


def test_a_second_guard_of_the_same_site_fails_because_of_the_port(guard: GuardChild) -> None:
    guard.start()
    second = _run(guard)

    assert second.returncode == 3
    assert "another process listens there" in second.stderr


def test_a_guard_whose_control_socket_cannot_be_bound_guards_and_keeps_trying(
    guard: GuardChild, address: tuple[str, int]
) -> None:
    place = guard.folder / "state" / "control.sock"
    place.parent.mkdir()
    place.write_text("mine")
    guard.spawn()
    wait_until(lambda: _answers(address), "the guard answers its client")
    wait_until(lambda: "not a socket" in guard.log, "the alarm is in the log")

    assert place.read_text() == "mine"
    place.unlink()
    wait_until(place.is_socket, "the control socket is bound")
    wait_until(lambda: "answers now" in guard.log, "that is said")
    assert guard.status()["site"] == "World"


def test_a_stop_during_a_reload_ends_the_compiling_child_at_once(guard: GuardChild) -> None:
    guard.start()
    guard.site.unlink()
    # Nobody ever writes to it: the child waits for its site file until it is ended.
    os.mkfifo(guard.site)
    os.kill(guard.pid, signal.SIGHUP)
    children = Path(f"/proc/{guard.pid}/task/{guard.pid}/children")
    wait_until(lambda: children.read_text().strip(), "the site file is being compiled")
    child = int(children.read_text().split()[0])

    assert guard.stop() == 0
    assert not Path(f"/proc/{child}").exists()
