"""The control socket: permissions guard it, and no handler can end the guard."""

import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modwarden.guard import ControlClient, ControlError, SocketInUseError
from modwarden.guard.serve import Answer
from modwarden.guard.socket_server import ControlServer


@dataclass
class Guarded:
    """What the socket speaks for: a plain object with answers."""

    is_broken: bool = False
    reloads: list[str] = field(default_factory=list)

    def status(self) -> bytes:
        if self.is_broken:
            raise RuntimeError("the core is busy")
        return b'{"site": "Bench"}'

    def sessions(self) -> bytes:
        return b"[]"

    def metrics(self) -> bytes:
        return b"modwarden_sessions 0\n"

    def reload(self) -> Answer:
        self.reloads.append("asked")
        return Answer(is_in_force=False, line="refused: site.yaml:3")


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest.fixture
def path(tmp_path: Path, guarded: Guarded) -> Iterator[Path]:
    with ControlServer(tmp_path / "control.sock", guarded):
        yield tmp_path / "control.sock"


def test_no_guard_behind_the_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no guard answers here") as raised:
        ControlClient(tmp_path / "control.sock").status()

    assert raised.value.exit_code == 3


def test_others_may_not_even_connect(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_an_exception_in_a_handler_is_an_answer_and_ends_nothing(path: Path, guarded: Guarded) -> None:
    guarded.is_broken = True
    with pytest.raises(ControlError, match="RuntimeError: the core is busy"):
        ControlClient(path).status()
    guarded.is_broken = False

    assert ControlClient(path).status() == {"site": "Bench"}


def test_garbage_on_the_socket_ends_nothing(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"\x00\xff\r\n\r\n")
        client.recv(4096)

    assert ControlClient(path).sessions() == []


@pytest.mark.parametrize("request_line", [b"GET /nowhere", b"POST /status", b"DELETE /status"])
def test_what_has_no_route_is_refused(path: Path, request_line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(request_line + b" HTTP/1.0\r\n\r\n")
        answer = client.recv(4096)

    assert answer.split()[1] in (b"404", b"501")


def test_a_second_guard_does_not_take_the_socket_over(path: Path, guarded: Guarded) -> None:
    with pytest.raises(SocketInUseError, match="another guard answers here"):
        ControlServer(path, guarded)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path, guarded: Guarded) -> None:
    (tmp_path / "control.sock").write_text("mine")
    with pytest.raises(SocketInUseError, match="not a socket"):
        ControlServer(tmp_path / "control.sock", guarded)

    assert (tmp_path / "control.sock").read_text() == "mine"


def test_the_socket_of_a_killed_guard_is_replaced(tmp_path: Path, guarded: Guarded) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "control.sock"))
    stale.close()
    with ControlServer(tmp_path / "control.sock", guarded):
        assert ControlClient(tmp_path / "control.sock").metrics() == "modwarden_sessions 0\n"

    assert not (tmp_path / "control.sock").exists()


def test_a_path_longer_than_the_kernel_takes_works(tmp_path: Path, guarded: Guarded) -> None:
    long = tmp_path / ("a" * 100) / ("b" * 100) / "control.sock"
    with ControlServer(long, guarded):
        assert ControlClient(long).status() == {"site": "Bench"}


def test_a_refused_reload_says_so_in_one_line(path: Path, guarded: Guarded) -> None:
    answer = ControlClient(path).reload()

    assert (answer.is_in_force, answer.line, guarded.reloads) == (False, "refused: site.yaml:3", ["asked"])
