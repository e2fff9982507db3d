"""The short way to write many endpoints."""

from __future__ import annotations

import pytest

from modwarden.lab import Endpoint, parse_endpoints


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1",
        ":502",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.[1-2]:[1-3]",
        "127.0.0.[2-1]:502",
        "127.0.0.1:[1-65000000]",
    ],
)
def test_what_names_no_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port|pairs|counts? upwards"):
        parse_endpoints(text)


def test_a_range_of_hosts_shares_one_port() -> None:
    expected = [Endpoint("ahu-001", "127.11.0.1", 15020), Endpoint("ahu-002", "127.11.0.2", 15020)]

    assert expected == parse_endpoints("127.11.0.[1-2]:15020")


def test_a_range_of_ports_shares_one_host() -> None:
    expected = [Endpoint("ahu-001", "127.10.0.2", 15001), Endpoint("ahu-002", "127.10.0.2", 15002)]

    assert expected == parse_endpoints("127.10.0.2:[15001-15002]")


def test_two_ranges_of_one_length_are_paired() -> None:
    expected = [Endpoint("ahu-001", "127.11.0.7", 15001), Endpoint("ahu-002", "127.11.0.8", 15002)]

    assert expected == parse_endpoints("127.11.0.[7-8]:[15001-15002]")
