"""The main thread of a guard: what it looks after, however busy it is with wishes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modwarden.guard.compiled import Compiled
from modwarden.guard.serve import DataLoopEndedError, GuardService, Wishes
from modwarden.guard.state import StateDirectory

COMPILED = Compiled(b'{"conduits": []}', b"{}", frozenset(), 10)
# Far less than a compile may take, and far more than the next look.
SOON_S = 20.0


class Core:
    """A core whose data loop ends when the test says so."""

    digest = "0" * 64

    def __init__(self) -> None:
        self.is_alive = True
        self.is_stopped = False
        self.reloads = 0
        self.opening: list[str] = []

    def reload(self, document: bytes) -> str:
        del document
        self.reloads += 1
        return self.digest

    def reject(self, reason: str) -> None:
        del reason

    def clock_synchronised(self, *, synchronised: bool) -> None:
        del synchronised

    def drain(self, timeout_ms: int) -> bool:
        del timeout_ms
        return True

    def stop(self) -> None:
        self.is_stopped = True


class Waiting:
    """The main thread, in a thread of the test's."""

    def __init__(self, service: GuardService) -> None:
        self.looks = 0
        self.ending: Exception | None = None
        self._service = service
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def has_ended(self) -> bool:
        self._thread.join(SOON_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._service.wait_for_stop(self._look)
        except DataLoopEndedError as error:
            self.ending = error

    def _look(self) -> None:
        self.looks += 1


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Core:
    core = Core()
    # The room's front door has a function of the module's name.
    monkeypatch.setattr(sys.modules[GuardService.__module__], "GuardCore", lambda *_: core)
    return core


@pytest.fixture
def wishes() -> Iterator[Wishes]:
    wishes = Wishes()
    yield wishes
    wishes.stop()


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say what the compiling child does instead."""

    def becomes(script: str) -> None:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)

    answer = tmp_path / "answer.json"
    answer.write_bytes(COMPILED.to_json())
    becomes(f"cat {answer}")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return becomes


@pytest.fixture
def service(tmp_path: Path, core: Core, wishes: Wishes, child: Callable[[str], None]) -> GuardService:
    del core, child
    return GuardService(tmp_path / "site.yaml", None, StateDirectory(tmp_path / "state"), wishes)


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_data_loop_that_dies_while_a_site_file_is_compiled_ends_the_guard_and_the_child(
    tmp_path: Path, core: Core, wishes: Wishes, child: Callable[[str], None], service: GuardService
) -> None:
    said = tmp_path / "pid"
    child(f"echo $$ > {said}; exec sleep 600")
    waiting = Waiting(service)
    wishes.reload_unheard()
    _wait_until(lambda: said.exists() and bool(said.read_text()))
    core.is_alive = False

    assert waiting.has_ended()
    assert isinstance(waiting.ending, DataLoopEndedError)
    assert not Path(f"/proc/{said.read_text().strip()}").exists()


def test_who_wished_for_a_reload_hears_of_a_data_loop_that_died_meanwhile(
    tmp_path: Path, core: Core, child: Callable[[str], None], service: GuardService
) -> None:
    said, heard = tmp_path / "pid", list[str]()
    child(f"echo $$ > {said}; exec sleep 600")
    waiting = Waiting(service)
    asking = threading.Thread(target=lambda: heard.append(service.reload().line), daemon=True)
    asking.start()
    _wait_until(said.exists)
    core.is_alive = False
    asking.join(SOON_S)

    assert heard == ["the data loop ended by itself"]
    assert waiting.has_ended()


def test_the_control_socket_is_looked_after_while_a_site_file_is_compiled(
    tmp_path: Path, wishes: Wishes, child: Callable[[str], None], service: GuardService
) -> None:
    said = tmp_path / "pid"
    child(f"echo $$ > {said}; exec sleep 600")
    waiting = Waiting(service)
    wishes.reload_unheard()
    _wait_until(said.exists)
    before = waiting.looks
    _wait_until(lambda: waiting.looks > before + 3)
    wishes.stop()

    assert waiting.has_ended()


def test_a_data_loop_that_dies_under_wishes_without_a_pause_ends_the_guard(
    core: Core, wishes: Wishes, service: GuardService
) -> None:
    waiting = Waiting(service)
    for _ in range(1_000):
        wishes.reload_unheard()
    _wait_until(lambda: core.reloads > 1)
    core.is_alive = False

    assert waiting.has_ended()
    assert isinstance(waiting.ending, DataLoopEndedError)
    assert core.reloads < 1_000


def test_a_wish_to_stop_drains_and_stops_the_core(core: Core, wishes: Wishes, service: GuardService) -> None:
    waiting = Waiting(service)
    wishes.stop()

    assert waiting.has_ended()
    assert waiting.ending is None
    assert core.is_stopped
