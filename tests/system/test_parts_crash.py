"""A crash beside the data plane: no client notices, and what crashed comes back."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from tests.doubles.guard import BODY, wait_until
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import EndedError, Talk, read

if TYPE_CHECKING:
    from tests.doubles.guard import GuardChild

# The control socket's thread ends once when this file is there.
_CRASH = """
from modwarden.guard import socket_server
def crash(server):
    if (mark := Path("crash")).exists():
        mark.unlink()
        raise RuntimeError("on purpose")
socket_server._Server.service_actions = crash
"""

pytestmark = pytest.mark.timeout(120)


class Polling:
    """One client that asks again as soon as it is answered."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answered = 0
        self.trouble: list[str] = []
        self._address = address
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.answered > 3, "the client is answered")
        return self

    def __exit__(self, *ending: object) -> None:
        before = self.answered
        wait_until(lambda: self.answered > before, "the client is still answered")
        self._is_over.set()
        self._thread.join(30)

    def _poll(self) -> None:
        try:
            with Talk(self._address, HMI) as talk:
                while not self._is_over.is_set():
                    answer = talk.ask(read(0, 1))
                    self.trouble += [answer.hex()] if answer[0] != 0x03 else []
                    self.answered += 1
        except (EndedError, OSError) as error:
            self.trouble.append(repr(error))


@pytest.fixture
def wanted() -> Wanted:
    imports, _, rest = BODY.partition("site = ")
    return Wanted(
        rules=("name: reads, clients: [hmi-1], permit: [read]",),
        body=f"{imports}\n{_CRASH}\nsite = {rest}",
    )


@pytest.fixture
def address(guarded: Guarded) -> tuple[str, int]:
    return guarded.address


@pytest.fixture
def guard(guarded: Guarded) -> GuardChild:
    guarded.guard.start()
    return guarded.guard


def test_a_crash_of_the_control_socket_s_thread_is_not_noticed_by_a_client_and_the_socket_comes_back(
    guard: GuardChild, address: tuple[str, int]
) -> None:
    with Polling(address) as polling:
        (guard.folder / "crash").touch()
        wait_until(lambda: "its thread ended" in guard.log, "the crash is told")
        wait_until(guard._is_answering, "the control socket answers again")

    assert polling.trouble == []
    assert "on purpose" in guard.log


def test_a_compiling_child_that_is_killed_changes_nothing_and_no_client_notices(
    guard: GuardChild, address: tuple[str, int]
) -> None:
    policy, text = guard.status()["policy"], guard.site.read_text()
    with Polling(address) as polling:
        guard.site.unlink()
        # Nobody ever writes to it: the child waits for its site file.
        os.mkfifo(guard.site)
        os.kill(guard.pid, signal.SIGHUP)
        children = Path(f"/proc/{guard.pid}/task/{guard.pid}/children")
        wait_until(lambda: children.read_text().strip(), "the site file is being compiled")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        wait_until(lambda: guard.status()["alarm"], "the refusal is told")
        guard.site.unlink()
        guard.site.write_text(text)

    assert polling.trouble == []
    assert guard.status()["policy"] == policy
    assert "refused" in guard.status()["alarm"]
