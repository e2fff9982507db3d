"""A serial cable: a pseudo-terminal, with an RTU server of pymodbus's at its far end."""

from __future__ import annotations

import os
import pty
import select
import socket
import termios
import threading
import tty
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

LOOPBACK = "127.0.0.1"
_PIECE = 512


class SerialCable:
    """A pseudo-terminal whose far end is a TCP connection: bytes go both ways as they come."""

    def __init__(self, server_port: int) -> None:
        """Lead to an RTU server on loopback."""
        self._server = socket.create_connection((LOOPBACK, server_port))
        self._near, self._far = pty.openpty()
        tty.setraw(self._far, termios.TCSANOW)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self.port = os.ttyname(self._far)

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut the cable."""
        self._ending.set()
        self._thread.join()
        self._server.close()
        os.close(self._near)
        os.close(self._far)

    def _carry(self) -> None:
        while not self._ending.is_set():
            server = self._server.fileno()
            ready, _, _ = select.select([self._near, server], [], [], 0.1)
            if self._near in ready:
                self._server.sendall(os.read(self._near, _PIECE))
            if server in ready:
                os.write(self._near, self._server.recv(_PIECE))


class NullModem:
    """Two serial ports whose bytes go from each to the other, as they come."""

    def __init__(self) -> None:
        """Make both ports."""
        pairs = [pty.openpty(), pty.openpty()]
        for _, far in pairs:
            tty.setraw(far, termios.TCSANOW)
        self._near = [near for near, _ in pairs]
        self._far = [far for _, far in pairs]
        self.ports = (os.ttyname(self._far[0]), os.ttyname(self._far[1]))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut the cable."""
        self._ending.set()
        self._thread.join()
        for descriptor in (*self._near, *self._far):
            os.close(descriptor)

    def _carry(self) -> None:
        one, other = self._near
        while not self._ending.is_set():
            ready, _, _ = select.select(self._near, [], [], 0.1)
            for descriptor in ready:
                os.write(other if descriptor == one else one, os.read(descriptor, _PIECE))
