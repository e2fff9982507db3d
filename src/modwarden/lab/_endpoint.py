"""Where a Modbus server answers, and the short way to write two hundred of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import repeat

_SPAN = re.compile(r"\[(\d+)-(\d+)\]")
MOST_ENDPOINTS = 10_000  # a typing error must not make a list that fills the memory


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Modbus TCP server, with the unit id that its clients use."""

    name: str
    host: str
    port: int
    unit_id: int = 1


def parse_endpoints(text: str, name: str = "ahu-{:03d}") -> list[Endpoint]:
    """
    Read `127.11.0.[1-200]:15020` or `127.10.0.2:[15001-15200]` as a list of endpoints.

    Args:
        text: HOST:PORT, where each side may hold one `[first-last]`.
        name: how the n-th endpoint is called, counted from 1.

    Raises:
        ValueError: the text is not HOST:PORT, or its two ranges differ in length.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{text!r} is not HOST:PORT, for example 127.11.0.[1-200]:15020")
    hosts, ports = _expand(host), _expand(port)
    if len(hosts) > 1 and len(ports) > 1 and len(hosts) != len(ports):
        raise ValueError(f"{text!r} pairs {len(hosts)} hosts with {len(ports)} ports")
    width = max(len(hosts), len(ports))
    pairs = zip(_stretch(hosts, width), _stretch(ports, width), strict=True)
    return [Endpoint(name.format(n), h, _port(p)) for n, (h, p) in enumerate(pairs, start=1)]


def _expand(text: str) -> list[str]:
    span = _SPAN.search(text)
    if span is None:
        return [text]
    first, last = int(span[1]), int(span[2])
    if not first <= last < first + MOST_ENDPOINTS:
        raise ValueError(f"{span[0]} does not count upwards, or names more than {MOST_ENDPOINTS}")
    return [f"{text[: span.start()]}{n}{text[span.end() :]}" for n in range(first, last + 1)]


def _stretch(texts: list[str], width: int) -> list[str]:
    return texts if len(texts) == width else list(repeat(texts[0], width))


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65_535:
        raise ValueError(f"{text!r} is not a TCP port (1-65535)")
    return int(text)
