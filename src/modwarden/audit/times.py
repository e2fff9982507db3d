"""Points in time as people write them: absolute, or `10m ago`, for which `10m` will do."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from modwarden.audit.errors import QueryError

NS = 1_000_000_000
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)(?:\s+ago)?")
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_time(text: str, *, now_ns: int | None = None) -> int:
    """
    Turn words into UTC nanoseconds.

    Without an offset a time is UTC, as every time that Modwarden prints.
    """
    now = time.time_ns() if now_ns is None else now_ns
    words = text.strip().lower()
    if words == "now":
        return now
    if match := _AGO.fullmatch(words):
        return now - round(float(match[1]) * _UNIT_S[match[2]] * NS)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"{text!r} is no time: write 2026-03-01T07:00, 2026-03-01, or 10m for ten minutes ago"
        raise QueryError(message) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return round(whole.timestamp()) * NS + moment.microsecond * 1000


def render_time(ns: int) -> str:
    """Print UTC to the microsecond, as RFC 3339."""
    seconds, rest = divmod(ns, NS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
