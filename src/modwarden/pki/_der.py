"""The little DER that the library neither takes apart nor puts together for us.

Kept true here, and tested:
* any bytes are read to the end or end in `DerError`; nothing else is raised;
* only DER is read: one definite length of the fewest octets (X.690 §10.1).
"""

from __future__ import annotations

INTEGER = 0x02
OCTET_STRING = 0x04
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31

_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80


class DerError(ValueError):
    """These bytes are no DER."""


def parse_elements(data: bytes) -> list[tuple[int, bytes]]:
    """
    Take apart what stands one after another: tag and content of each.

    Raises:
        DerError: something is cut off, left over or written in another way than DER's.
    """
    elements = []
    while data:
        tag, content, data = _parse_first(data)
        elements.append((tag, content))
    return elements


def render_element(tag: int, *contents: bytes) -> bytes:
    """Put one element together."""
    content = b"".join(contents)
    length = len(content)
    if length < _LONG_LENGTH:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_LENGTH | len(octets)]) + octets + content


def _parse_first(data: bytes) -> tuple[int, bytes, bytes]:
    tag = data[0]
    if tag & _LONG_TAG == _LONG_TAG:
        raise DerError("a tag of several octets")
    length, rest = _parse_length(data[1:])
    if length > len(rest):
        raise DerError("the content is cut off")
    return tag, rest[:length], rest[length:]


def _parse_length(data: bytes) -> tuple[int, bytes]:
    if not data:
        raise DerError("the length is cut off")
    if data[0] < _LONG_LENGTH:
        return data[0], data[1:]
    octets = data[1 : 1 + (data[0] ^ _LONG_LENGTH)]
    length = int.from_bytes(octets, "big")
    is_fewest = octets[:1] != b"\x00" and length >= _LONG_LENGTH
    if len(octets) != data[0] ^ _LONG_LENGTH or not is_fewest:
        raise DerError("the length is not in the fewest octets")
    return length, data[1 + len(octets) :]
