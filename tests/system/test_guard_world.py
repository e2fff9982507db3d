"""What the world denies a guard: a port, a control socket, the time to finish a reload."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from tests.doubles.guard import COMMAND, GuardChild, wait_until
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import Talk, read

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def wanted() -> Wanted:
    return Wanted(rules=("name: reads, clients: [hmi-1], permit: [read]",))


@pytest.fixture
def address(guarded: Guarded) -> tuple[str, int]:
    return guarded.address


@pytest.fixture
def guard(guarded: Guarded) -> GuardChild:
    return guarded.guard


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
    assert guard.status()["site"] == "Guarded"


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
