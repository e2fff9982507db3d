"""
`kill -9` at any moment: what a server received is in the record, once, and the record holds.

Segments are small and little is kept, so that kills meet rotation, sealing and retention too. `KILLS_SEED`
draws the same moments again; what each meets still depends on the machine.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from tests.doubles.guard import wait_until
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import EndedError, Talk, write_number

from modwarden.audit import Filter, JournalDirectory, query

if TYPE_CHECKING:
    from tests.doubles.guard import GuardChild
    from tests.doubles.plc import PlcDouble

# `make kills` asks for more, in runs of so many: each run has one journal.
KILLS = int(os.environ.get("KILLS", "20"))
_SECONDS_A_KILL = 30
SEED = int(os.environ.get("KILLS_SEED", random.SystemRandom().randrange(10**6)))
# A life of a few tenths of a second fills several; what is kept is more than the longest life writes, so that
# each row can be read before it is retired.
SEGMENT_BYTES = 24 << 10
KEEP = "keep: {size: 800KB}"
MEASURED = Path(__file__).resolve().parents[2] / "bench" / "measured_guard.py"
BODY = (
    f"import runpy, sys; sys.argv += ['--segment-bytes', '{SEGMENT_BYTES}']; "
    f"runpy.run_path({str(MEASURED)!r}, run_name='__main__')"
)
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
    rule = "name: writes, clients: [hmi-1], permit: [write], ranges: [holding_register 0-99]"
    return Wanted(rules=(rule,), journal=(KEEP,), body=BODY)


@dataclass
class Recorded:
    """The numbers of all permitted writes in the record, read before retention takes their rows."""

    journal: Path
    numbers: set[int] = field(default_factory=set)
    last: int = 0

    def read_on(self) -> None:
        if not self.journal.is_dir():
            return
        assert _first_kept(self.journal) <= self.last + 1, "rows were retired before they could be read"
        wanted = Filter(after=self.last, kinds=("request.permitted",), functions=("16",))
        rows = query(JournalDirectory(self.journal), wanted, columns=("sequence", "values")).to_pylist()
        self.numbers |= {_number(row["values"]) for row in rows}
        self.last = max((row["sequence"] for row in rows), default=self.last)


def test_every_write_that_a_server_received_is_recorded_whenever_the_guard_is_killed(
    guarded: Guarded,
) -> None:
    child, plc, address = guarded.guard, guarded.plc, guarded.address
    print(f"KILLS_SEED={SEED}")
    dice, record = random.Random(SEED), Recorded(child.journal)
    with WriteLoad(address) as load:
        for _ in range(KILLS):
            _live_and_be_killed(child, plc, dice.uniform(0.0, LONGEST_LIFE_UNDER_LOAD_S))
            record.read_on()
        child.start()
        before = len(load.answered)
        wait_until(lambda: len(load.answered) > before, "the guard serves again after its last kill")
    wait_until(lambda: _sealed(child), "a segment is sealed")
    assert child.stop() == 0, child.log
    record.read_on()
    received = Counter(_number(write.values) for write in plc.writes)
    verified = child.verify()
    print(
        f"{KILLS} kills: {len(received)} writes received, {len(record.numbers)} recorded; at the end "
        f"{len(_sealed(child))} sealed segments, all before row {_first_kept(child.journal)} retired"
    )

    assert received.keys() - record.numbers == set()
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
    # The request of an outcome may have been retired before it.
    assert {number for number in outcomes if number >= min(row["sequence"] for row in rows)} <= requests
    assert max(Counter(outcomes).values()) == 1


def test_a_guard_killed_while_it_opens_its_journal_opens_it_the_next_time(
    guarded: Guarded,
) -> None:
    child, plc, address = guarded.guard, guarded.plc, guarded.address
    print(f"KILLS_SEED={SEED}")
    dice = random.Random(SEED)
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


def _first_kept(journal: Path) -> int:
    return min((int(path.name[:20]) for path in journal.glob("0*.*")), default=1)


def _sealed(child: GuardChild) -> list[Path]:
    return list(child.journal.glob("*.parquet"))


def _number(values: tuple[int, ...] | list[int]) -> int:
    high, low = values
    return (high << 16) | low
