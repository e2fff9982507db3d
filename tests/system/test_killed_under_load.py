"""`kill -9` at any moment: what a server received is in the record, once, and the record holds."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Self

import pytest
from tests.doubles.guard import wait_until
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import EndedError, Talk, write_number

if TYPE_CHECKING:
    from tests.doubles.guard import GuardChild
    from tests.doubles.plc import PlcDouble

# `make kills` asks for more, in runs of so many: each run has one journal.
KILLS = int(os.environ.get("KILLS", "50"))
_SECONDS_A_KILL = 4
WRITERS = 5
# Below the deadline of 500 ms, so that a kill meets every step of a write: queued, synced, sent, answered.
LONGEST_LIFE_UNDER_LOAD_S = 0.3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + _SECONDS_A_KILL * KILLS)]


class WriteLoad:
    """Writers that send each number once, and come back whenever the guard does."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answered: list[int] = []
        self._address = address
        self._numbers = itertools.count(1)
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._write_on, args=(at,)) for at in range(WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def _write_on(self, place: int) -> None:
        while not self._is_over.is_set():
            try:
                with Talk(self._address, HMI) as talk:
                    self._write_until_ended(talk, place)
            except (EndedError, OSError):
                time.sleep(0.01)

    def _write_until_ended(self, talk: Talk, place: int) -> None:
        while not self._is_over.is_set():
            # The last writer pipelines; the others wait for each answer.
            burst = [next(self._numbers) for _ in range(4 if place == WRITERS - 1 else 1)]
            for number in burst:
                talk.send(write_number(2 * place, number))
            for number in burst:
                _, _, answer = talk.receive()
                if answer[0] == 0x10:
                    self.answered.append(number)


@pytest.fixture
def wanted() -> Wanted:
    return Wanted(rules=("name: writes, clients: [hmi-1], permit: [write], ranges: [holding_register 0-99]",))


def test_every_write_that_a_server_received_is_recorded_whenever_the_guard_is_killed(
    guarded: Guarded,
) -> None:
    child, plc, address = guarded.guard, guarded.plc, guarded.address
    dice = random.Random()
    moments = [dice.uniform(0.0, LONGEST_LIFE_UNDER_LOAD_S) for _ in range(KILLS)]
    with WriteLoad(address) as load:
        for moment in moments:
            _live_and_be_killed(child, plc, moment)
        child.start()
        before = len(load.answered)
        wait_until(lambda: len(load.answered) > before, "the guard serves again after its last kill")
    assert child.stop() == 0, child.log
    rows = child.records("--function", "16")
    recorded = {_number(row["values"]) for row in rows if row["kind"] == "request.permitted"}
    received = Counter(_number(write.values) for write in plc.writes)
    verified = child.verify()
    print(f"{KILLS} kills: {len(received)} writes received, {len(recorded)} recorded")

    assert (received.keys() - recorded, moments) == (set(), moments)
    assert [number for number, times in received.items() if times > 1] == []
    assert set(load.answered) <= received.keys()
    assert len(received) > KILLS
    assert (verified["findings"], verified["unproven_rows"]) == ([], 0)


def test_no_number_of_a_row_is_used_twice_and_each_outcome_has_its_request(
    guarded: Guarded,
) -> None:
    child, plc, address = guarded.guard, guarded.plc, guarded.address
    with WriteLoad(address):
        for _ in range(5):
            _live_and_be_killed(child, plc, 0.1)
        child.start()
    assert child.stop() == 0, child.log
    rows = child.records()
    requests = {row["sequence"] for row in rows if row["kind"] == "request.permitted"}
    outcomes = [row["request_sequence"] for row in rows if row["kind"] == "request.outcome"]

    assert max(Counter(row["sequence"] for row in rows).values()) == 1
    assert set(outcomes) <= requests
    assert max(Counter(outcomes).values()) == 1


def test_a_guard_killed_while_it_opens_its_journal_opens_it_the_next_time(
    guarded: Guarded,
) -> None:
    child, plc, address = guarded.guard, guarded.plc, guarded.address
    dice = random.Random()
    with WriteLoad(address):
        _live_and_be_killed(child, plc, 0.1)
        for _ in range(10):
            child.spawn()
            time.sleep(dice.uniform(0.2, 1.0))
            child.kill()
        _live_and_be_killed(child, plc, 0.1)
        child.start()
    assert child.stop() == 0, child.log

    assert child.verify()["findings"] == []


def _live_and_be_killed(child: GuardChild, plc: PlcDouble, life_s: float) -> None:
    before = len(plc.writes)
    child.spawn()
    wait_until(lambda: len(plc.writes) > before, "a write comes through")
    time.sleep(life_s)
    child.kill()


def _number(values: tuple[int, ...] | list[int]) -> int:
    high, low = values
    return (high << 16) | low
