"""
TCP connects, one after another: connect, look whether it is reset, close.

Kept true here: no byte is sent, one connection is open at a time, and its end is a plain close, which frees
its place at a server that has few.
"""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modwarden.model import Address
    from modwarden.probe.plan import Knock, Plan

# A guard resets at once; this is what a busy one may need.
_LOOK_S = 0.3
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM})


class Ended(StrEnum):
    """How a connect ended."""

    CONNECTED = "connected"
    RESET = "reset"
    """Connected, and reset or closed by the other end at once."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and how patient."""

    per_second: float = 10.0
    timeout_s: float = 2.0


def knock_all(plan: Plan, pace: Pace) -> Iterator[tuple[Knock, Ended]]:
    """
    Ask for each connect of a plan, at most so many a second.

    Raises:
        OSError: this host has no such address, or no socket to give.
    """
    due = time.monotonic()
    for knock in plan.knocks:
        time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + 1 / pace.per_second
        target = knock.target
        yield knock, knock_once(knock.source, (target.address, target.port), pace.timeout_s)


def knock_once(source: Address, to: tuple[Address, int], timeout_s: float) -> Ended:
    """
    Connect once, and say how it ended.

    Raises:
        OSError: this host has no such address, or no socket to give.
    """
    with _socket(source, socket.SOCK_STREAM) as link:
        link.bind((str(source), 0))
        link.settimeout(timeout_s)
        try:
            link.connect((str(to[0]), to[1]))
        except TimeoutError:
            return Ended.TIMED_OUT
        except ConnectionRefusedError:
            return Ended.REFUSED
        except ConnectionResetError:
            return Ended.RESET
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                return Ended.TIMED_OUT
            if error.errno in _UNREACHABLE:
                return Ended.UNREACHABLE
            raise
        return _looked_at(link)


def _looked_at(link: socket.socket) -> Ended:
    link.settimeout(_LOOK_S)
    try:
        # A server that speaks first is a server.
        return Ended.CONNECTED if link.recv(1) else Ended.RESET
    except TimeoutError:
        return Ended.CONNECTED
    except OSError:
        return Ended.RESET


def own_address(to: Address, port: int) -> Address | None:
    """Ask the kernel from which address it would send there; nothing is sent. None where there is no way."""
    with _socket(to, socket.SOCK_DGRAM) as link:
        try:
            link.connect((str(to), port))
        except OSError:
            return None
        return type(to)(link.getsockname()[0].partition("%")[0])


def has_address(address: Address) -> bool:
    """Say whether this host has an address."""
    with _socket(address, socket.SOCK_STREAM) as link:
        try:
            link.bind((str(address), 0))
        except OSError:
            return False
        return True


def _socket(of: Address, kind: socket.SocketKind) -> socket.socket:
    return socket.socket(socket.AF_INET if of.version == 4 else socket.AF_INET6, kind)
