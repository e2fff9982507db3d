"""Our framing and parsing against tshark's, on every capture there is: ADU by ADU."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
from tests.conftest import SHARED
from tests.doubles.dissect import dissect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = 502
CAPTURES = sorted((SHARED / "pcap").glob("*.pcap"))

# Streams that tshark and we cut apart differently, by capture, stream and direction; one reason each.
HOLES = "a fuzzer altered its TCP sequence numbers: we stop at a hole, tshark begins anew with each segment"
CUT_APART: dict[tuple[str, int, str], str] = {
    ("zeek_fuzz-1011.pcap", 0, "client"): HOLES,
    ("zeek_fuzz-1011.pcap", 0, "server"): HOLES,
    ("zeek_fuzz-72.pcap", 0, "client"): HOLES,
    ("zeek_fuzz-72.pcap", 0, "server"): HOLES,
}
# Requests that tshark shows and we refuse, by function code, and address and quantity as tshark has them.
SWEEP = "its length or byte count is not that of its code: sweeps send zeros, samples leave groups out"
NONE_ASKED = "a quantity of none"
REFUSED: dict[tuple[int, int | None, int | None], str] = {
    (0, None, None): "function code 0 is not valid",
    (43, None, None): "2B 0E with a byte left over",
    **dict.fromkeys(((code, 0, 0) for code in (1, 2, 3, 4, 15, 16)), NONE_ASKED),
    **dict.fromkeys(((code, 0, None) for code in (6, 22, 24)), SWEEP),
    **dict.fromkeys(((code, None, None) for code in (11, 12, 17, 20, 21, 23)), SWEEP),
}


class Flow(NamedTuple):
    """One direction of one connection."""

    stream: int
    side: str


class Seen(NamedTuple):
    """One ADU, as far as both say the same of it."""

    transaction_id: int
    unit_id: int
    function_code: int
    is_exception: bool
    address: int | None
    quantity: int | None
    is_refused: bool = False

    def head(self) -> tuple[int, int, int, bool]:
        """What can be said of any ADU, whatever is in it."""
        return self[:4]


@pytest.mark.needs_tool("tshark")
@pytest.mark.needs_shared
def test_every_stream_of_every_capture_is_cut_into_the_adus_that_tshark_shows() -> None:
    differ = {
        (capture.name, *flow)
        for capture in CAPTURES
        for flow, (ours, theirs) in _both(capture).items()
        if [adu.head() for adu in ours] != [adu.head() for adu in theirs]
    }

    assert CAPTURES
    assert differ == set(CUT_APART)


@pytest.mark.needs_tool("tshark")
@pytest.mark.needs_shared
def test_every_request_of_every_capture_asks_for_what_tshark_shows_or_is_refused_for_a_known_reason() -> None:
    differ, refused = set(), set()
    for ours, theirs in _alike():
        place = theirs.function_code, theirs.address, theirs.quantity
        if ours.is_refused:
            refused.add(place)
        elif (ours.address, ours.quantity) != (theirs.address, theirs.quantity):
            differ.add(place)

    assert differ == set()
    assert refused == set(REFUSED)


def _alike() -> Iterator[tuple[Seen, Seen]]:
    """ADU beside ADU, where both cut the stream alike."""
    for capture in CAPTURES:
        for flow, (ours, theirs) in _both(capture).items():
            if (capture.name, *flow) not in CUT_APART:
                yield from zip(ours, theirs, strict=True)


@cache
def _both(capture: Path) -> dict[Flow, tuple[list[Seen], list[Seen]]]:
    streams, theirs = _streams(capture), _tsharks(capture)
    flows = sorted(streams.keys() | theirs.keys())
    ours = _ours({flow: streams.get(flow, b"") for flow in flows})
    return {flow: (ours[flow], theirs.get(flow, [])) for flow in flows}


def _streams(capture: Path) -> dict[Flow, bytes]:
    """The bytes of each direction, in order, each once: later copies of a segment are left out."""
    fields = ("tcp.stream", "tcp.dstport", "tcp.seq", "tcp.payload")
    lines = _tshark(capture, f"tcp.port == {PORT} && tcp.len > 0", "-T", "fields", *_each("-e", fields))
    segments: dict[Flow, list[tuple[int, bytes]]] = defaultdict(list)
    for line in lines.splitlines():
        stream, port, sequence, payload = line.split("\t")
        segments[_flow(stream, port)].append((int(sequence), bytes.fromhex(payload)))
    return {flow: _joined(parts) for flow, parts in segments.items()}


def _joined(segments: list[tuple[int, bytes]]) -> bytes:
    first = min(sequence for sequence, _ in segments)
    stream = b""
    for sequence, payload in sorted(segments):
        new = len(stream) - (sequence - first)
        if new < 0:
            break  # a hole: what lies behind it has no known beginning
        stream += payload[new:]
    return stream


def _ours(streams: dict[Flow, bytes]) -> dict[Flow, list[Seen]]:
    questions = [{"stream": s.hex(), "is_reply": flow.side == "server"} for flow, s in streams.items()]
    framed = {flow: answer["adus"] for flow, answer in zip(streams, dissect(questions), strict=True)}
    pdus = [(flow, adu) for flow, adus in framed.items() for adu in adus]
    asked = [pdu for flow, (_, _, pdu) in pdus if flow.side == "client"]
    parsed = iter(dissect([{"request": pdu} for pdu in asked]))
    seen: dict[Flow, list[Seen]] = {flow: [] for flow in streams}
    for flow, (transaction_id, unit_id, pdu) in pdus:
        code = int(pdu[:2], 16)
        request = next(parsed) if flow.side == "client" else {}
        place = (*_place(request), "refused" in request)
        seen[flow].append(Seen(transaction_id, unit_id, code & 0x7F, code >= 0x80, *place))
    return seen


def _place(request: dict[str, Any]) -> tuple[int | None, int | None]:
    """The first address and, where more than one can be asked for, how many."""
    code, span = request.get("function_code"), request.get("reads") or request.get("writes")
    if span is None or code == 23:
        return None, None
    return span[1], None if code in {5, 6, 22, 24} else span[2]


def _tsharks(capture: Path) -> dict[Flow, list[Seen]]:
    seen: dict[Flow, list[Seen]] = defaultdict(list)
    for packet in ET.fromstring(_tshark(capture, f"mbtcp && tcp.port == {PORT}", "-T", "pdml")).iter(
        "packet"
    ):
        flow = _flow(_show(packet, "tcp.stream"), _show(packet, "tcp.dstport"))
        seen[flow].extend(_adus(packet, is_request=flow.side == "client"))
    return seen


def _adus(packet: ET.Element, *, is_request: bool) -> Iterator[Seen]:
    headers = (proto for proto in packet.iter("proto") if proto.get("name") == "mbtcp")
    bodies = (proto for proto in packet.iter("proto") if proto.get("name") == "modbus")
    for header, body in zip(headers, bodies, strict=False):
        code = _number(body, "modbus.func_code")
        address = _number(body, "modbus.reference_num") if is_request else None
        quantity = _number(body, "modbus.word_cnt") if is_request else None
        if is_request and quantity is None:
            quantity = _number(body, "modbus.bit_cnt")
        is_exception = _number(body, "modbus.exception_code") is not None
        transaction_id, unit_id = _number(header, "mbtcp.trans_id"), _number(header, "mbtcp.unit_id")
        yield Seen(transaction_id or 0, unit_id or 0, code or 0, is_exception, address, quantity)


def _number(proto: ET.Element, name: str) -> int | None:
    found = _show(proto, name)
    return int(found, 0) if found else None


def _show(element: ET.Element, name: str) -> str:
    return next((field.get("show", "") for field in element.iter("field") if field.get("name") == name), "")


def _flow(stream: str, destination_port: str) -> Flow:
    return Flow(int(stream), "client" if int(destination_port) == PORT else "server")


def _each(option: str, values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _tshark(capture: Path, only: str, *options: str) -> str:
    command = ["tshark", "-n", "-r", str(capture), "-Y", only, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
