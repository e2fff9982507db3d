"""The control socket is tried until it can be bound; the guard goes on meanwhile."""

import logging
import time
from pathlib import Path

import pytest

from modwarden.guard import ControlClient
from modwarden.guard.serve import Answer
from modwarden.guard.socket_keeper import ControlSocket
from modwarden.guard.socket_server import ControlServer, _Server


class Guarded:
    """What the socket speaks for."""

    def status(self) -> bytes:
        return b'{"site": "Bench"}'

    def sessions(self) -> bytes:
        return b"[]"

    def metrics(self) -> bytes:
        return b""

    def reload(self) -> Answer:
        return Answer(is_in_force=True, line="")


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modwarden.guard.socket_keeper.FIRST_WAIT_S", 0.0)


def test_a_place_taken_by_a_file_is_an_alarm_and_the_file_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with ControlSocket(path, Guarded()) as control:
        control.look_after()

    assert path.read_text() == "mine"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "not a socket" in caplog.text


def test_another_guard_that_answers_keeps_its_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.sock"
    with ControlServer(path, Guarded()), ControlSocket(path, Guarded()):
        assert ControlClient(path).status() == {"site": "Bench"}

    assert "another guard answers here" in caplog.text


def test_a_folder_that_cannot_be_made_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    with ControlSocket(Path("/proc/nowhere/control.sock"), Guarded()):
        pass

    assert "no control socket" in caplog.text


@pytest.mark.parametrize("name", ["s" * 110, "s" * 300])
def test_a_name_too_long_for_any_socket_is_an_alarm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with ControlSocket(tmp_path / name, Guarded()):
        pass

    assert "no control socket" in caplog.text


def test_the_socket_is_bound_once_its_place_is_free_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.sock"
    path.mkdir()
    with ControlSocket(path, Guarded()) as control:
        path.rmdir()
        control.look_after()

        assert ControlClient(path).status() == {"site": "Bench"}
    assert "answers now" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_socket_whose_thread_crashed_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "control.sock"
    with ControlSocket(path, Guarded()) as control:
        with monkeypatch.context() as broken:
            broken.setattr(_Server, "service_actions", _crash)
            until = time.monotonic() + 10
            while control._server is not None and control._server.is_alive:
                assert time.monotonic() < until
                time.sleep(0.01)
        control.look_after()

        assert ControlClient(path).status() == {"site": "Bench"}
    assert "its thread ended" in caplog.text


def _crash(server: _Server) -> None:
    del server
    raise RuntimeError
