"""What `status` and `top` say of certificates: nothing while all is well, loudly once something has ended."""

from __future__ import annotations

from typing import Any

import pytest

from modwarden.cli._status_view import certificate_lines, conduit_table


def status(days: int) -> dict[str, Any]:
    item = {"conduit": "hvac", "what": "root", "name": "CN=Northside", "file": "/pki/root.pem", "days": days}
    return {"certificates": [item]}


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (90, []),
        (7, []),
        (6, ["root CN=Northside of conduit hvac ends in 6 days: /pki/root.pem"]),
        (-1, ["ALARM root CN=Northside of conduit hvac has ended: /pki/root.pem"]),
    ],
)
def test_what_ends_within_a_week_is_named(days: int, said: list[str]) -> None:
    assert [line.plain for line in certificate_lines(status(days))] == said


def test_tls_is_a_column_where_some_conduit_speaks_it() -> None:
    conduit = {"name": "hvac", "verdicts": "enforce", "listeners": []}
    columns = [
        [column.header for column in conduit_table({"conduits": [{**conduit, "tls": tls}]}).columns]
        for tls in (False, True)
    ]

    assert ["tls" in headers for headers in columns] == [False, True]
