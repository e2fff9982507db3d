"""The demo's child processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from modwarden.cli import _demo_children
from modwarden.cli._demo_children import Child, ChildError, Children

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _python_stands_in_for_modwarden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo_children, "COMMAND", (sys.executable, "-c"))


def test_a_command_that_has_to_succeed_fails_with_its_own_words(tmp_path: Path) -> None:
    with Children(tmp_path) as children, pytest.raises(ChildError, match="no such unit"):
        children.demand("ask", "import sys; sys.exit('no such unit')")


def test_a_child_that_ended_by_itself_is_noticed(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("guard", "import sys; sys.exit('port taken')")
        child.process.wait(10)

        with pytest.raises(ChildError, match="the guard ended: port taken"):
            child.check()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_the_block_ends_every_child(tmp_path: Path, error: type[BaseException]) -> None:
    started: list[Child] = []

    def perform() -> None:
        with Children(tmp_path) as children:
            started.extend(children.start(f"child-{n}", "import time; time.sleep(60)") for n in range(2))
            raise error

    with pytest.raises(error):
        perform()
    assert [child.process.poll() for child in started] == [-signal.SIGTERM, -signal.SIGTERM]


def test_a_child_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo_children, "STOP_TIMEOUT_S", 0.3)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with Children(tmp_path) as children:
        child = children.start("deaf", deaf)
        while not child.said.read_text():
            time.sleep(0.02)

        assert children.stop(child).exit_code == -signal.SIGKILL


def test_a_terminated_demo_cleans_up_as_an_interrupted_one_does(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def perform() -> None:
        with Children(tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        perform()
    assert signal.getsignal(signal.SIGTERM) == before
