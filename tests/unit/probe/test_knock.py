"""One connect on loopback, in each way that it can end; what the other end sees of it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

from modwarden.probe import Ended, has_address, knock_once, own_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOME = ip_address("127.0.0.1")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            link, _ = listening.accept()
            with link:
                answer(link)

        thread = threading.Thread(target=take)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(10)


def knock(port: int, timeout_s: float = 5.0) -> Ended:
    return knock_once(HOME, (HOME, port), timeout_s)


def reset(link: socket.socket) -> None:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_server_that_stays_is_connected_and_hears_nothing_but_the_end() -> None:
    heard = []
    with server(lambda link: heard.append(link.recv(16))) as port:
        ended = knock(port)

    assert ended is Ended.CONNECTED
    assert heard == [b""]


def test_a_server_that_speaks_first_is_connected() -> None:
    with server(lambda link: link.sendall(b"ready")) as port:
        assert knock(port) is Ended.CONNECTED


def test_who_takes_it_and_resets_it_at_once_is_told_apart() -> None:
    with server(reset) as port:
        assert knock(port) is Ended.RESET


def test_where_nobody_listens_it_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert knock(free.getsockname()[1]) is Ended.REFUSED


def test_where_nobody_takes_it_the_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        ended = knock(port, 0.3)
        for one in held:
            one.close()

    assert ended is Ended.TIMED_OUT


def test_the_kernel_says_from_where_it_would_send() -> None:
    assert own_address(HOME, 502) == HOME
    assert has_address(HOME)
    # RFC 5737: nobody has it.
    assert not has_address(ip_address("192.0.2.1"))
