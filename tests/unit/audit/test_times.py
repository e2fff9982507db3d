"""Times as people write them."""

import pytest

from modwarden.audit import QueryError, parse_time, render_time

NOW = 1_790_000_000_123_456_000
SECOND = 1_000_000_000


@pytest.mark.parametrize("text", ["", "soon", "10", "10 fortnights ago", "2026-13-01", "-5m ago"])
def test_what_is_no_time_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(QueryError, match="10m for ten minutes ago"):
        parse_time(text, now_ns=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("10m ago", NOW - 600 * SECOND),
        ("10m", NOW - 600 * SECOND),
        ("1.5h ago", NOW - 5400 * SECOND),
        ("2d ago", NOW - 172_800 * SECOND),
        ("1970-01-01T00:00:01", SECOND),
        ("1970-01-01T01:00:01+01:00", SECOND),
        ("1970-01-01T00:00:00.000001Z", 1000),
        ("1970-01-02", 86_400 * SECOND),
    ],
)
def test_a_time_becomes_utc_nanoseconds(text: str, expected: int) -> None:
    assert expected == parse_time(text, now_ns=NOW)


def test_a_printed_time_reads_back() -> None:
    assert parse_time(render_time(NOW)) == NOW
