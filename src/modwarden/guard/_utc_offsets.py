"""A time zone as steps, so that the core needs no time zone database."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# A guard is replaced long before 2050; nothing is recorded before 2020.
_FROM_S = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
_UNTIL_S = int(datetime(2051, 1, 1, tzinfo=UTC).timestamp())
# Shorter than any two changes of an offset that a time zone has had since 2020.
_STRIDE_S = 7 * 86_400


def utc_offsets(timezone: ZoneInfo) -> list[tuple[int, int]]:
    """Give `(from_unix_s, offset_s)`, ascending; the first holds for all time before the second."""
    steps = [(_FROM_S, _offset_s(timezone, _FROM_S))]
    for start in range(_FROM_S, _UNTIL_S, _STRIDE_S):
        end = min(start + _STRIDE_S, _UNTIL_S)
        if _offset_s(timezone, end) != _offset_s(timezone, start):
            at = _change(timezone, start, end)
            steps.append((at, _offset_s(timezone, at)))
    return steps


def _change(timezone: ZoneInfo, start: int, end: int) -> int:
    """Find the first second after `start` that has the offset of `end`."""
    wanted = _offset_s(timezone, end)
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (start, middle) if _offset_s(timezone, middle) == wanted else (middle, end)
    return end


def _offset_s(timezone: ZoneInfo, unix_s: int) -> int:
    offset = datetime.fromtimestamp(unix_s, timezone).utcoffset()
    return int((offset or timedelta()).total_seconds())
