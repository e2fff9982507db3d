"""What a status looks like on a screen: lines, and certificates once something ends."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from modwarden.cli._status_view import (
    certificate_lines,
    client_port_table,
    conduit_table,
    line_table,
    responder_lines,
    unguarded_lines,
)

LINE = {
    "name": "bus-1",
    "at": "/dev/ttyUSB0",
    "up": True,
    "load_percent": 94,
    "sessions": 3,
    "waiting": 2,
    "given_up": 10,
    "requests": 1595,
    "shared": 0,
    "crc_errors": 4,
    "strays": 1,
    "time_outs": {"14": 21, "15": 1},
}


def shown(line: dict[str, Any]) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(line_table({"lines": [line]}))
    return capture.get()


def test_without_lines_there_is_no_table() -> None:
    assert line_table({"lines": []}) is None
    assert line_table({}) is None


def test_a_line_shows_its_load_who_waits_and_what_is_amiss() -> None:
    text = shown(LINE)

    assert text.splitlines()[1].split() == [
        *("bus-1", "/dev/ttyUSB0", "94", "%", "3", "2", "10", "1,595", "0", "4", "1"),
        *("14:", "21,", "15:", "1"),
    ]


def test_a_line_that_is_gone_says_so_instead_of_its_load() -> None:
    assert "DOWN" in shown({**LINE, "up": False})


PORT = {
    "name": "panel-1",
    "at": "/dev/ttyUSB1",
    "up": True,
    "load_percent": 40,
    "requests": 1200,
    "replies": 1190,
    "given_up": 9,
    "crc_errors": 2,
    "strays": 1,
    "echoes": 0,
    "given_up_by_unit": {"12": 9},
}


def test_a_clients_port_shows_what_was_asked_answered_and_given_up() -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(client_port_table({"client_ports": [PORT]}))
        console.print(client_port_table({"client_ports": [{**PORT, "up": False}]}))
    lines = capture.get().splitlines()

    assert client_port_table({}) is None
    assert lines[1].split() == [
        *("panel-1", "/dev/ttyUSB1", "40", "%", "1,200", "1,190", "9", "2", "1", "0", "12:", "9"),
    ]
    assert "DOWN" in lines[3]


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


def test_a_conduit_that_fails_open_is_named_with_what_is_known_of_the_time_before() -> None:
    away = {"conduit": "cell", "seconds": 12.34, "packets": 1200}
    status = {"fails_open": ["cell", "water"], "unguarded": [away]}

    assert [line.plain for line in unguarded_lines(status)] == [
        "conduit cell fails open; before this start for 12.3 s, 1,200 packets",
        "conduit water fails open",
    ]
    assert list(unguarded_lines({})) == []


def test_what_responders_do_not_say_is_counted_and_who_is_revoked_is_named() -> None:
    not_good = [
        {"whom": "subject CN=hmi-1, serial 1f", "standing": "revoked", "why": None, "is_asked": False},
        {"whom": "subject CN=hmi-2, serial 20", "standing": "unanswered", "why": "ocsp_silent"},
    ]
    ocsp = {"certificates": {"good": 3, "revoked": 1, "unanswered": 1}, "replies": {}, "not_good": not_good}

    assert [line.plain for line in responder_lines({"ocsp": ocsp})] == [
        "1 certificates without a responder's answer: ocsp_silent",
        "revoked, says its responder: subject CN=hmi-1, serial 1f",
    ]
    assert list(responder_lines({"ocsp": None})) == list(responder_lines({})) == []
