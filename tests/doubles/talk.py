"""A Modbus TCP client of few words: whole answers, or the truth about how the connection ended."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

READ_HOLDING_REGISTERS = 0x03
_HEADER = struct.Struct(">HHHB")


class EndedError(Exception):
    """The other side closed; `rest` is what had come of an answer."""

    def __init__(self, rest: bytes) -> None:
        super().__init__(f"closed after {len(rest)} bytes of an answer")
        self.rest = rest


class Talk:
    """One connection from a chosen source address."""

    def __init__(self, address: tuple[str, int], source: str, *, timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection(address, timeout=timeout_s, source_address=(source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next = 0
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, pdu: bytes, unit_id: int = 1) -> bytes:
        """
        Send one request and give the PDU of its answer.

        Raises:
            EndedError: the connection ended first.
        """
        wanted = self.send(pdu, unit_id)
        transaction_id, answered_by, answer = self.receive()
        assert (transaction_id, answered_by) == (wanted, unit_id)
        return answer

    def send(self, pdu: bytes, unit_id: int = 1) -> int:
        self._next = (self._next + 1) & 0xFFFF
        self._socket.sendall(_HEADER.pack(self._next, 0, 1 + len(pdu), unit_id) + pdu)
        return self._next

    def receive(self) -> tuple[int, int, bytes]:
        """
        Give transaction id, unit id and PDU of the next answer.

        Raises:
            EndedError: the connection ended before it was whole.
        """
        self._wait_for(_HEADER.size)
        transaction_id, _, length, unit_id = _HEADER.unpack_from(self._received)
        # Taken only when whole, so that what an end leaves over is all that had come.
        self._wait_for(6 + length)
        pdu, self._received = self._received[7 : 6 + length], self._received[6 + length :]
        return transaction_id, unit_id, pdu

    def _wait_for(self, count: int) -> None:
        while len(self._received) < count:
            try:
                fresh = self._socket.recv(65536)
            except ConnectionError as error:
                raise EndedError(self._received) from error
            if not fresh:
                raise EndedError(self._received)
            self._received += fresh


def read(first: int = 0, quantity: int = 1) -> bytes:
    return struct.pack(">BHH", READ_HOLDING_REGISTERS, first, quantity)


def write(address: int, value: int) -> bytes:
    """Write Single Register (0x06)."""
    return struct.pack(">BHH", 0x06, address, value)


def write_number(address: int, number: int) -> bytes:
    """Write Multiple Registers (0x10): 32 bits in two registers, high word first."""
    return struct.pack(">BHHBI", 0x10, address, 2, 4, number)


def connect_when_there(address: tuple[str, int], source: str, *, patience_s: float = 30.0) -> Talk:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return Talk(address, source)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"{address} never listened"
            time.sleep(0.02)
