"""Requests in words, as `tests:` and `policy explain` share them, turned into PDUs.

    [fc N] read|write (POINT | TABLE FIRST[-LAST]) [VALUE | [RAW, …]]
    pdu HEX

Without `fc`, one item is written with 5 or 6 and several with 15 or 16.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from modwarden.model import LAST_ADDRESS, Point, PointMap, Span, Table, encode_point, parse_value
from modwarden.policy.errors import RequestTextError

_SENTENCE = re.compile(
    r"(?:fc\s+(?P<code>\S+)\s+)?(?P<verb>read|write)\s+(?P<rest>\S.*)", re.IGNORECASE | re.DOTALL
)
_PLACE = re.compile(r"(?P<first>\d+)(?:\s*-\s*(?P<last>\d+))?(?:\s+(?P<value>\S.*))?", re.DOTALL)
_RAW_LIST = re.compile(r"\[(.*)\]", re.DOTALL)
_SWITCH = {"on": 1, "true": 1, "off": 0, "false": 0}

READ_CODES = {Table.COIL: 1, Table.DISCRETE_INPUT: 2, Table.HOLDING_REGISTER: 3, Table.INPUT_REGISTER: 4}
SINGLE_CODES = {Table.COIL: 5, Table.HOLDING_REGISTER: 6}
SEVERAL_CODES = {Table.COIL: 15, Table.HOLDING_REGISTER: 16}
MASK_WRITE = 22
# V1.1b3 §4.1: a PDU has 253 bytes at most.
LONGEST_PDU = 253
_LONGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class RequestWords:
    """A request as understood, before it is a PDU."""

    span: Span
    values: tuple[int, ...] | None
    function_code: int | None


def parse_request(text: str, points: PointMap | None) -> bytes:
    """
    Turn the words of a request into its PDU.

    Raises:
        RequestTextError: the words do not make a request; says what would.
        PointValueError: the point cannot hold the value.
    """
    words = text.strip()
    if len(words) > _LONGEST_TEXT:
        raise RequestTextError(f"a request of {len(words)} characters is longer than any PDU")
    if words.lower().startswith("pdu"):
        return _parse_hex(words[3:])
    return compose_pdu(_parse_sentence(words, points))


def parse_place(text: str) -> Span | None:
    """Read `holding_register 100` or `coil 0-7`; None where the text is no place."""
    name, _, rest = text.strip().partition(" ")
    match = _PLACE.fullmatch(rest.strip())
    if name not in list(Table) or match is None or match["value"]:
        return None
    first, last = int(match["first"]), int(match["last"] or match["first"])
    return Span(Table(name), first, last) if first <= last <= LAST_ADDRESS else None


def compose_pdu(request: RequestWords) -> bytes:
    """
    Build the PDU of a read or write.

    Raises:
        RequestTextError: no function code does that.
    """
    if request.values is None:
        return _read_pdu(request)
    pdu = _write_pdu(request, request.values)
    if len(pdu) > LONGEST_PDU:
        raise RequestTextError(
            f"{len(request.values)} values make a PDU of {len(pdu)} bytes; 253 is the most"
        )
    return pdu


def _parse_hex(text: str) -> bytes:
    try:
        pdu = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError as error:
        raise RequestTextError(f"pdu {text.strip()!r} is not hexadecimal: write pdu 03 0000 0001") from error
    if not 1 <= len(pdu) <= LONGEST_PDU:
        raise RequestTextError(f"a PDU has 1 to 253 bytes, this one {len(pdu)}")
    return pdu


def _parse_sentence(words: str, points: PointMap | None) -> RequestWords:
    match = _SENTENCE.fullmatch(words)
    if match is None:
        raise RequestTextError(
            f"{words!r} is no request: write [fc N] read|write (POINT | TABLE FIRST[-LAST]) "
            "[VALUE | [RAW, …]], or pdu HEX"
        )
    is_write = match["verb"].lower() == "write"
    code = None if match["code"] is None else _number(match["code"], "function code")
    name, _, rest = match["rest"].partition(" ")
    if name in list(Table):
        span, values = _parse_place(Table(name), rest.strip(), is_write=is_write)
    else:
        span, values = _parse_point(_named(name, points), rest.strip(), is_write=is_write)
    return RequestWords(span, values, code)


def _named(name: str, points: PointMap | None) -> Point:
    if points is None:
        raise RequestTextError(f"{name!r} is no table, and this server has no points")
    for point in points.points.values():
        if point.name == name:
            return point
    known = ", ".join(points.points)
    raise RequestTextError(f"{name!r} is neither a table nor a point of this server; its points: {known}")


def _parse_place(table: Table, text: str, *, is_write: bool) -> tuple[Span, tuple[int, ...] | None]:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise RequestTextError(f"{table} needs an address: write {table} 100 or {table} 100-101")
    first = int(match["first"])
    last = int(match["last"] or first)
    if not first <= last <= LAST_ADDRESS:
        raise RequestTextError(f"{table} {first}-{last}: addresses ascend, 0 to {LAST_ADDRESS}")
    values = _place_values(match["value"], is_write=is_write)
    if values is None:
        return Span(table, first, last), None
    if match["last"] is None:
        last = first + len(values) - 1
    return Span(table, first, last), values


def _place_values(text: str | None, *, is_write: bool) -> tuple[int, ...] | None:
    if not is_write:
        _refuse_value(text)
        return None
    if text is None:
        raise RequestTextError("a write needs a value: a number, or raw numbers such as [99] or [0x41AC, 0]")
    raws = _RAW_LIST.fullmatch(text.strip())
    return _raw_numbers(raws[1]) if raws else (_number(text.strip(), "value"),)


def _parse_point(point: Point, text: str, *, is_write: bool) -> tuple[Span, tuple[int, ...] | None]:
    if not is_write:
        _refuse_value(text or None)
        return point.span, None
    if not text:
        raise RequestTextError(f"a write needs a value: write {point.name} VALUE")
    raws = _RAW_LIST.fullmatch(text)
    if raws is None:
        return point.span, encode_point(point, parse_value(point, text))
    values = _raw_numbers(raws[1])
    return Span(point.table, point.address, point.address + len(values) - 1), values


def _refuse_value(text: str | None) -> None:
    if text is not None:
        raise RequestTextError(f"a read has no value, but {text!r} follows")


def _raw_numbers(text: str) -> tuple[int, ...]:
    return tuple(_number(word.strip(), "raw number") for word in text.split(","))


def _number(word: str, what: str) -> int:
    if word.lower() in _SWITCH:
        return _SWITCH[word.lower()]
    try:
        number = int(word, 16) if word.lower().startswith("0x") else int(word)
    except ValueError as error:
        raise RequestTextError(f"{what} {word!r} is no number from 0 to 65535, nor 0x…") from error
    if not 0 <= number <= 0xFFFF:
        raise RequestTextError(f"{what} {word} does not fit 16 bits")
    return number


def _read_pdu(request: RequestWords) -> bytes:
    span, expected = request.span, READ_CODES[request.span.table]
    if request.function_code not in (None, expected):
        raise RequestTextError(
            f"function code {request.function_code} does not read a {span.table}; {expected} does"
        )
    if span.quantity > 0xFFFF:
        raise RequestTextError(f"{span} is more than a quantity of 16 bits can ask for")
    return struct.pack(">BHH", expected, span.first, span.quantity)


def _write_pdu(request: RequestWords, values: Sequence[int]) -> bytes:
    span, code = request.span, request.function_code
    if not span.table.is_writable:
        raise RequestTextError(f"no function code writes a {span.table}")
    if code == MASK_WRITE:
        return _mask_pdu(span, values)
    if len(values) != span.quantity:
        raise RequestTextError(f"{span} is {span.quantity} addresses, but {len(values)} values follow")
    single, several = SINGLE_CODES[span.table], SEVERAL_CODES[span.table]
    chosen = code if code is not None else (single if len(values) == 1 else several)
    if span.table is Table.COIL and any(value > 1 for value in values):
        raise RequestTextError("a coil is 0 or 1, on or off")
    if chosen == single and len(values) == 1:
        return struct.pack(
            ">BHH", chosen, span.first, 0xFF00 * values[0] if span.table is Table.COIL else values[0]
        )
    if chosen == several:
        return _several_pdu(chosen, span, values)
    raise RequestTextError(
        f"function code {chosen} does not write {len(values)} of {span.table}; "
        f"{single} writes one, {several} several"
    )


def _mask_pdu(span: Span, values: Sequence[int]) -> bytes:
    if span.table is not Table.HOLDING_REGISTER or len(values) != 2:
        raise RequestTextError("fc 22 masks one holding_register: write it as [AND, OR]")
    return struct.pack(">BHHH", MASK_WRITE, span.first, *values)


def _several_pdu(code: int, span: Span, values: Sequence[int]) -> bytes:
    data = _packed_bits(values) if span.table is Table.COIL else struct.pack(f">{len(values)}H", *values)
    if len(data) > 0xFF:
        raise RequestTextError(f"{len(values)} values are more than one request can carry")
    return struct.pack(">BHHB", code, span.first, span.quantity, len(data)) + data


def _packed_bits(values: Sequence[int]) -> bytes:
    """Pack coils eight to a byte, the first in the lowest bit (V1.1b3 §6.11)."""
    number = sum(value << position for position, value in enumerate(values))
    return number.to_bytes((len(values) + 7) // 8, "little")
