"""A record in words: what was asked, of what, with which values, and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from modwarden.audit.points import PointBook
from modwarden.audit.spans import (
    MASK_WRITE,
    PointValue,
    point_names,
    point_values,
    read_span,
    write_span,
)
from modwarden.model.function_set import function_catalogue
from modwarden.model.table import Span

# A read of 125 registers is one line on a screen, not a page; every other form has them all.
SHOWN_VALUES = 4


def written_values(row: Mapping[str, Any], book: PointBook) -> list[PointValue]:
    """Give the points that the request wrote, with their values."""
    # Code 22 carries two masks; they are no value of the point.
    if row["function_code"] == MASK_WRITE:
        return []
    points = book.of(row["policy"], row["server"], row["unit_id"])
    return point_values(points, write_span(row), row["values"])


def response_values(row: Mapping[str, Any], book: PointBook) -> list[PointValue]:
    """Give the points that the reply carried, with their values."""
    points = book.of(row["policy"], row["server"], row["unit_id"])
    return point_values(points, read_span(row), row["response_values"])


def render_request(row: Mapping[str, Any], book: PointBook) -> str:
    """Say what was asked, in the words of `policy explain` where it has words for it."""
    code = row["function_code"]
    if code is None:
        return str(row["kind"])
    parts = [
        _part("write", row, book, write_span(row), row["values"]),
        _part("read", row, book, read_span(row), row["response_values"]),
    ]
    return ", ".join(part for part in parts if part) or _function_text(code, row["sub_function"])


def render_outcome(row: Mapping[str, Any]) -> str:
    """Say what came of it: the rule or reason, the exception, how long it took."""
    exception, latency = row["exception_code"], row["latency_us"]
    parts = [
        row["reason"] or row["rule"] or "",
        f"exception {exception:02X}" if exception is not None else "",
        f"{latency / 1000:.1f} ms" if latency is not None else "",
        f"of {row['request_sequence']}" if row["request_sequence"] is not None else "",
        f"{row['count']} times" if row["count"] is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _part(
    verb: str, row: Mapping[str, Any], book: PointBook, span: Span | None, raw: Sequence[int] | None
) -> str:
    if span is None:
        return ""
    if verb == "write" and row["function_code"] == MASK_WRITE:
        return f"mask {span}{_raw(raw)}"
    points = book.of(row["policy"], row["server"], row["unit_id"])
    values = point_values(points, span, raw)
    if values:
        return f"{verb} {_shortened([f'{value.point} {value.text}' for value in values])}"
    names = point_names(points, span)
    where = _shortened(names) if names else str(span)
    return f"{verb} {where}{_raw(raw)}"


def _raw(raw: Sequence[int] | None) -> str:
    if not raw:
        return ""
    return f" [{_shortened([f'0x{number:04X}' for number in raw])}]"


def _shortened(words: list[str]) -> str:
    if len(words) <= SHOWN_VALUES:
        return ", ".join(words)
    return f"{', '.join(words[:SHOWN_VALUES])} and {len(words) - SHOWN_VALUES} more"


def _function_text(code: int, sub_function: int | None) -> str:
    number = f"{code}" if sub_function is None else f"{code}/{sub_function}"
    for function in function_catalogue():
        if function.function_code == code and function.sub_function in (None, sub_function):
            return f"{number} {function.name.split(' (')[0]}"
    return f"function {number}"
