"""Every way in which a client could try to reach a server past the guard, each in a packet or two."""

from __future__ import annotations

import errno
import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.doubles.netns import Host

_PATIENCE_S = 3.0
_MORE_FRAGMENTS = 0x2000


def knock_tcp(host: Host, address: str, port: int, patience_s: float = _PATIENCE_S) -> tuple[str, float]:
    """Connect, and say how that ended and after how many seconds."""
    with host.entered():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        knocking = socket.socket(family, socket.SOCK_STREAM)
    began = time.monotonic()
    with knocking:
        knocking.settimeout(patience_s)
        try:
            knocking.connect((address, port))
        except OSError as error:
            ended = "timed out" if error.errno is None else errno.errorcode[error.errno]
        else:
            ended = "connected"
    return ended, time.monotonic() - began


def knock_udp(host: Host, address: str, port: int, bytes_count: int = 8) -> str:
    """Send one datagram, in fragments where it is long, and say what the network answered."""
    with host.entered():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        knocking = socket.socket(family, socket.SOCK_DGRAM)
    with knocking:
        knocking.settimeout(_PATIENCE_S)
        knocking.connect((address, port))
        knocking.send(bytes(bytes_count))
        try:
            knocking.recv(1)
        except OSError as error:
            return "timed out" if error.errno is None else errno.errorcode[error.errno]
    return "answered"


def knock_in_fragments(host: Host, source: str, address: str, port: int) -> None:
    """Send a SYN with its port in one fragment and its flags in another; then a later fragment alone."""
    syn = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 0x02, 1024, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack(">BBH", 0, 6, len(syn))
    syn = syn[:16] + struct.pack(">H", _checksum(pseudo + syn)) + syn[18:]
    with host.entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        for identification, first, piece, more in (
            (7, 0, syn[:8], _MORE_FRAGMENTS),
            (7, 8, syn[8:], 0),
            (8, 8, syn[8:], 0),
        ):
            header = struct.pack(
                ">BBHHHBBH", 0x45, 0, 20 + len(piece), identification, more | first // 8, 64, 6, 0
            )
            raw.sendto(header + socket.inet_aton(source) + socket.inet_aton(address) + piece, (address, 0))


def knock_sctp(host: Host, source: str, address: str, port: int) -> None:
    """Send one packet of another transport with the same port: SCTP's INIT, as far as a filter looks."""
    with host.entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
    with raw:
        raw.bind((source, 0))
        raw.sendto(struct.pack(">HHII", 40000, port, 0, 0) + bytes(20), (address, 0))


def knock_icmp(host: Host, address: str) -> bool:
    """Ask for an echo; whether one came back."""
    with host.entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with raw:
        raw.settimeout(0.5)
        raw.connect((address, 0))
        ask = struct.pack(">BBHHH", 8, 0, 0, 1, 1)
        raw.send(ask[:2] + struct.pack(">H", _checksum(ask)) + ask[4:])
        try:
            # Behind the IP header of 20 bytes: type 0 is an echo's reply.
            return raw.recv(2048)[20] == 0
        except OSError:
            return False


def _checksum(data: bytes) -> int:
    total = sum(int(word) for word in struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
