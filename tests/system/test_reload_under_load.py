"""Reloads and a clean stop while clients poll: no request lost, no answer cut in half."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient
from pymodbus.exceptions import ModbusException
from tests.doubles.guard import wait_until
from tests.doubles.guarded import HMI, Guarded, Wanted
from tests.doubles.talk import EndedError, Talk, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.doubles.guard import GuardChild
    from tests.doubles.plc import PlcDouble

RELOADS = 24
RAW_CLIENTS = 4
ANSWER_S = 5
WRITE_ADDRESS = 40
RULES = (
    "name: reads, clients: [hmi-1], permit: [read], ranges: [holding_register 0-99]",
    "name: writes, clients: [hmi-1], permit: [write], ranges: [holding_register 40-49]",
    "name: changing, clients: [hmi-1], permit: [write], ranges: [holding_register 50-50]",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass
class Tally:
    """What one client saw."""

    sent: int = 0
    answered: int = 0
    trouble: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """A guard, its server, and the clients that poll through it."""

    guard: GuardChild
    plc: PlcDouble
    address: tuple[str, int]
    is_over: threading.Event = field(default_factory=threading.Event)
    tallies: list[Tally] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def poll_with(self, client: Callable[[Scene, Tally], None]) -> None:
        tally = Tally()
        thread = threading.Thread(target=client, args=(self, tally))
        self.tallies.append(tally)
        self.threads.append(thread)
        thread.start()

    def wait_until_all_poll(self) -> None:
        wait_until(lambda: all(tally.answered > 3 for tally in self.tallies), "every client is answered")

    def end_clients(self) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)

    def permit_range(self, last: int) -> None:
        text = self.guard.site.read_text().splitlines(keepends=True)
        changed = [_with_range(line, last) if "name: changing" in line else line for line in text]
        self.guard.site.write_text("".join(changed))


def _with_range(line: str, last: int) -> str:
    return f"{line.partition('50-')[0]}50-{last}]}}\n"


@pytest.fixture
def wanted() -> Wanted:
    # What is tested here is the reload: a slow disk under a busy machine must not refuse a write.
    return Wanted(RULES, conduit=("deadline: 10s",), journal=("deadline: 10s",))


@pytest.fixture
def scene(guarded: Guarded) -> Iterator[Scene]:
    with ExitStack() as ending:
        scene = Scene(guarded.guard, guarded.plc, guarded.address)
        ending.callback(scene.end_clients)
        guarded.guard.start()
        yield scene


def _poll_raw(scene: Scene, tally: Tally) -> None:
    try:
        with Talk(scene.address, HMI) as talk:
            while not scene.is_over.is_set():
                tally.sent += 1
                pdu = write(WRITE_ADDRESS, tally.sent & 0xFFFF) if tally.sent % 5 == 0 else read(0, 10)
                answer = talk.ask(pdu)
                if answer[0] != pdu[0]:
                    tally.trouble.append(answer.hex())
                tally.answered += 1
    except (EndedError, OSError) as error:
        tally.trouble.append(f"{type(error).__name__}: {error}")


def _poll_pymodbus(scene: Scene, tally: Tally) -> None:
    client = ModbusTcpClient(
        scene.address[0], port=scene.address[1], source_address=(HMI, 0), timeout=ANSWER_S, retries=0
    )
    try:
        client.connect()  # type: ignore[no-untyped-call]
        while not scene.is_over.is_set():
            tally.sent += 1
            if client.read_holding_registers(0, count=10).isError():
                tally.trouble.append("exception")
            tally.answered += 1
    except ModbusException as error:
        tally.trouble.append(str(error))
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _poll_pymodbus_async(scene: Scene, tally: Tally) -> None:
    asyncio.run(_poll_asynchronously(scene, tally))


async def _poll_asynchronously(scene: Scene, tally: Tally) -> None:
    client = AsyncModbusTcpClient(
        scene.address[0], port=scene.address[1], source_address=(HMI, 0), timeout=ANSWER_S, retries=0
    )
    try:
        await client.connect()
        while not scene.is_over.is_set():
            tally.sent += 1
            if (await client.read_holding_registers(0, count=10)).isError():
                tally.trouble.append("exception")
            tally.answered += 1
    except ModbusException as error:
        tally.trouble.append(str(error))
    finally:
        client.close()


def _start_clients(scene: Scene) -> None:
    for _ in range(RAW_CLIENTS):
        scene.poll_with(_poll_raw)
    scene.poll_with(_poll_pymodbus)
    scene.poll_with(_poll_pymodbus_async)
    scene.wait_until_all_poll()


def _session_ids(scene: Scene) -> set[int]:
    return {int(session["session"]) for session in scene.guard.control.sessions()}


def test_reloads_under_load_lose_no_request_and_end_no_session(scene: Scene) -> None:
    _start_clients(scene)
    before, digests = _session_ids(scene), set()
    for last in range(RELOADS):
        scene.permit_range(51 + last)
        reloaded = scene.guard.control.reload()
        assert reloaded.is_in_force, reloaded.line
        digests.add(scene.guard.status()["policy"])
    polled = [tally.answered for tally in scene.tallies]
    wait_until(
        lambda: all(now.answered > then for now, then in zip(scene.tallies, polled, strict=True)),
        "every client is answered after the last reload",
    )
    after = _session_ids(scene)
    scene.end_clients()

    assert [tally.trouble for tally in scene.tallies] == [[]] * len(scene.tallies)
    assert [tally.sent - tally.answered for tally in scene.tallies] == [0] * len(scene.tallies)
    assert len(digests) == RELOADS
    assert (len(before), before) == (len(scene.tallies), after)


def test_each_reload_is_in_force_for_the_next_request_of_an_open_session(scene: Scene) -> None:
    _start_clients(scene)
    with Talk(scene.address, HMI) as talk:
        answers = [talk.ask(write(60, 1))]
        for last in (60, 55, 60):
            scene.permit_range(last)
            assert scene.guard.control.reload().is_in_force
            answers.append(talk.ask(write(60, 1)))

    assert answers == [b"\x86\x01", write(60, 1), b"\x86\x01", write(60, 1)]


def test_a_bad_site_file_under_load_changes_nothing_and_says_why(scene: Scene) -> None:
    _start_clients(scene)
    before, good = scene.guard.status()["policy"], scene.guard.site.read_text()
    answered = [tally.answered for tally in scene.tallies]
    scene.guard.site.write_text(
        good.replace("clients: [hmi-1], permit: [read]", "clients: [hmi-9], permit: [read]")
    )
    refused = scene.guard.control.reload()
    status = scene.guard.status()
    wait_until(
        lambda: all(now.answered > then for now, then in zip(scene.tallies, answered, strict=True)),
        "every client is answered after the refused reload",
    )
    scene.guard.site.write_text(good)
    restored = scene.guard.control.reload()
    alarm_after = scene.guard.status()["alarm"]
    scene.end_clients()
    assert scene.guard.stop() == 0, scene.guard.log

    assert not refused.is_in_force
    assert "site.yaml:" in refused.line
    assert "hmi-9" in refused.line
    assert (status["policy"], "hmi-9" in status["alarm"]) == (before, True)
    assert (restored.is_in_force, alarm_after) == (True, None)
    assert [tally.trouble for tally in scene.tallies] == [[]] * len(scene.tallies)
    assert ["hmi-9" in row["reason"] for row in scene.guard.records("--kind", "policy.rejected")] == [True]


def test_a_burst_of_hangups_ends_in_the_newest_policy_with_no_request_lost(scene: Scene) -> None:
    _start_clients(scene)
    before = scene.guard.status()["policy"]
    for last in (70, 80, 90):
        scene.permit_range(last)
        scene.guard.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
    wait_until(lambda: scene.guard.status()["policy"] != before, "a new policy is in force")
    with Talk(scene.address, HMI) as talk:
        wait_until(lambda: talk.ask(write(90, 1)) == write(90, 1), "the newest policy is in force")
    scene.end_clients()

    assert [tally.trouble for tally in scene.tallies] == [[]] * len(scene.tallies)


def test_a_clean_stop_under_load_answers_or_closes_and_leaves_a_whole_proven_record(scene: Scene) -> None:
    scene.plc.reply_delay_s = 0.05
    _start_clients(scene)
    for _ in range(3):
        scene.poll_with(_pipeline)
    scene.wait_until_all_poll()
    scene.guard.terminate()
    code = scene.guard.wait()
    scene.end_clients()
    halves = [found for tally in scene.tallies for found in tally.trouble if found.startswith("half")]
    rows = scene.guard.records()
    requests = {row["sequence"] for row in rows if row["kind"] == "request.permitted" and _is_write(row)}
    outcomes = {row["request_sequence"] for row in rows if row["kind"] == "request.outcome"}
    recorded = sum(1 for row in rows if row["kind"] == "request.permitted")
    verified = scene.guard.verify()

    assert code == 0, scene.guard.log
    assert halves == []
    assert requests == outcomes
    assert sum(1 for row in rows if row["kind"] == "request.outcome" and "exception_code" in row) == 0
    # Whatever reached the server is in the record, and nobody was told of more than reached it.
    assert recorded >= scene.plc.requests >= sum(tally.answered for tally in scene.tallies)
    assert (verified["ok"], verified["findings"], verified["unproven_rows"]) == (True, [], 0)


def test_a_stop_waits_for_the_answer_of_a_slow_server(scene: Scene) -> None:
    scene.plc.reply_delay_s = 1.0
    with Talk(scene.address, HMI) as talk:
        wanted = talk.send(read(0, 2))
        wait_until(lambda: scene.plc.requests == 1, "the request is with the server")
        began = time.monotonic()
        scene.guard.terminate()
        answer = talk.receive()
        waited_s = time.monotonic() - began
        with pytest.raises(EndedError) as ended:
            talk.receive()
    code = scene.guard.wait()

    assert answer == (wanted, 1, b"\x03\x04\x00\x00\x00\x00")
    assert waited_s > 0.5
    assert ended.value.rest == b""
    assert code == 0


def _pipeline(scene: Scene, tally: Tally) -> None:
    """Four requests at a time; a rest of an answer when the connection ends is an answer cut in half."""
    try:
        with Talk(scene.address, HMI) as talk:
            while not scene.is_over.is_set():
                sent = [talk.send(read(at, 20)) for at in range(4)]
                tally.sent += len(sent)
                for wanted in sent:
                    transaction_id, _, answer = talk.receive()
                    assert (transaction_id, answer[0]) == (wanted, 0x03)
                    tally.answered += 1
    except EndedError as error:
        tally.trouble.append(f"half: {error.rest.hex()}" if error.rest else "closed")
    except OSError as error:
        tally.trouble.append(f"{type(error).__name__}: {error}")


def _is_write(row: dict[str, object]) -> bool:
    return row.get("function_code") in {6, 16}
