"""The server double keeps to what a real server does, as far as tests rely on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.doubles.plant_server import PlantServer
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk, read, write, write_number

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT, HMI = "127.11.0.1", "127.10.0.5"


@pytest.fixture(params=[PlcDouble, PlantServer])
def talk(request: pytest.FixtureRequest) -> Iterator[Talk]:
    with request.param(UNIT) as server, Talk((UNIT, server.port), HMI) as talk:
        yield talk


def test_what_was_written_is_read_back(talk: Talk) -> None:
    answers = [talk.ask(write(3, 0x1234)), talk.ask(write_number(4, 0x00020003)), talk.ask(read(3, 3))]

    assert answers == [write(3, 0x1234), b"\x10\x00\x04\x00\x02", b"\x03\x06\x12\x34\x00\x02\x00\x03"]


def test_an_answer_carries_its_requests_transaction_id_and_unit_id(talk: Talk) -> None:
    for value in range(3):
        wanted = talk.send(write(0, value))

        assert talk.receive() == (wanted, 1, write(0, value))
