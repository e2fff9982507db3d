"""The plant, its HMI and its attacker, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from modwarden import lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HMI, ATTACKER = "127.10.9.5", "127.30.9.4"


@pytest.fixture(autouse=True)
def _quiet() -> None:
    lab.quiet_pymodbus()


def _endpoints(count: int) -> list[lab.Endpoint]:
    with socket.socket() as probe:
        probe.bind(("127.11.9.1", 0))
        port = probe.getsockname()[1]
    return lab.parse_endpoints(f"127.11.9.[1-{count}]:{port}")


@asynccontextmanager
async def _plant(count: int) -> AsyncIterator[tuple[lab.Plant, list[lab.Endpoint]]]:
    endpoints = _endpoints(count)
    plant = lab.Plant(endpoints, minutes_per_second=60.0)
    await plant.start()
    try:
        yield plant, endpoints
    finally:
        await plant.stop()
        await asyncio.sleep(0)  # closed transports leave on the loop's next turn


def test_a_taken_address_stops_the_whole_plant_from_starting() -> None:
    async def talk() -> None:
        async with _plant(2) as (_, endpoints):
            with pytest.raises(OSError, match=r"127\.11\.9\.1"):
                await lab.Plant(endpoints, 1.0).start()

    asyncio.run(talk())


def test_an_attack_on_other_than_loopback_addresses_is_refused() -> None:
    target = [lab.Endpoint("ahu-001", "192.0.2.1", 502)]

    with pytest.raises(ValueError, match=r"192\.0\.2\.1 is not a loopback address"):
        asyncio.run(lab.attack(target, ATTACKER))


@pytest.mark.parametrize(
    "move",
    [lab.overwrite_setpoints, lab.overwrite_setpoints_with_code_6, lab.overwrite_setpoints_with_code_23],
)
def test_every_way_to_write_a_setpoint_reaches_an_unguarded_unit(move: lab.Move) -> None:
    async def talk() -> tuple[lab.Tally, list[float]]:
        async with _plant(4) as (plant, endpoints):
            tally = await move(endpoints, ATTACKER)
            await plant.step(60.0)
            return tally, plant.rooms_degc()

    tally, rooms = asyncio.run(talk())

    assert tally.answered == tally.sent == 4
    assert [room > 24 for room in rooms] == [True, True, True, False]
    assert rooms[3] < 18


def test_a_stopped_fan_lets_the_room_warm_up() -> None:
    async def talk() -> list[float]:
        async with _plant(1) as (plant, endpoints):
            await lab.stop_fans(endpoints, ATTACKER)
            await plant.step(90.0)
            return plant.rooms_degc()

    assert asyncio.run(talk())[0] > 24


def test_a_scan_learns_which_codes_a_unit_knows() -> None:
    async def talk() -> lab.Tally:
        async with _plant(1) as (_, endpoints):
            return await lab.scan_function_codes(endpoints[0], ATTACKER)

    tally = asyncio.run(talk())

    assert tally.sent == 127
    assert tally.exceptions[1] > 100


def test_malformed_frames_do_not_stop_a_unit() -> None:
    async def talk() -> tuple[lab.Tally, lab.Tally]:
        async with _plant(1) as (_, endpoints):
            broken = await lab.send_malformed_frames(endpoints[0], ATTACKER)
            return broken, await lab.write_setpoint_once(endpoints[0], 21.0, HMI)

    broken, good = asyncio.run(talk())

    assert broken.sent > broken.answered
    assert good.answered == 1


def test_a_flood_ends_at_its_bound() -> None:
    async def talk() -> lab.Tally:
        async with _plant(1) as (_, endpoints):
            return await lab.flood(endpoints[0], ATTACKER, requests=40, seconds=5.0)

    tally = asyncio.run(talk())

    assert 40 <= tally.sent < 40 + 8
    assert tally.answered == tally.sent


def test_an_attacker_who_finds_nobody_counts_refusals() -> None:
    tally = asyncio.run(lab.overwrite_setpoints(_endpoints(2), ATTACKER))

    assert (tally.sent, tally.refused) == (2, 2)


def test_an_hmi_that_finds_nobody_loses_every_poll() -> None:
    async def talk() -> lab.HmiReport:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.35, stop.set)
        return await lab.Hmi(_endpoints(2), source=HMI, period_s=0.1).run(stop)

    report = asyncio.run(talk())

    assert report.polls > 2
    assert len(report.lost_polls) == report.polls


def test_the_hmi_polls_every_unit_each_period_and_adjusts_within_limits() -> None:
    async def talk() -> tuple[lab.HmiReport, list[float]]:
        async with _plant(3) as (plant, endpoints):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(1.05, stop.set)
            hmi = lab.Hmi(endpoints, source=HMI, period_s=0.1, adjust_every_s=0.1)
            report, _ = await asyncio.gather(hmi.run(stop), plant.run(stop))
            return report, [unit.room.setpoint_degc for unit in plant.units]

    report, setpoints = asyncio.run(talk())

    assert report.lost_polls == []
    assert report.polls >= 3 * 5  # a busy machine may miss some periods, never half
    assert report.adjustments.answered == report.adjustments.sent > 0
    assert all(19.9 <= degc <= 22.1 for degc in setpoints)


def test_the_hmi_never_connects_one_link_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting, most = 0, 0

    async def connect_slowly(_: object) -> None:
        nonlocal connecting, most
        connecting += 1
        most = max(most, connecting)
        await asyncio.sleep(0.03)
        connecting -= 1

    async def talk() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, stop.set)
        await lab.Hmi(_endpoints(1), source=HMI, period_s=0.02, adjust_every_s=0.01).run(stop)

    monkeypatch.setattr("modwarden.lab._hmi._bring_up", connect_slowly)
    asyncio.run(talk())

    assert most == 1


def test_an_hmi_names_the_units_whose_polls_it_lost_and_why() -> None:
    async def talk() -> lab.HmiReport:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.35, stop.set)
        return await lab.Hmi(_endpoints(2), source=HMI, period_s=0.1).run(stop)

    report = asyncio.run(talk())

    assert {lost.unit for lost in report.lost_polls} == {"ahu-001", "ahu-002"}
    assert report.summary()["lost_units"] == [lost.unit for lost in report.lost_polls]
    assert {lost.why for lost in report.lost_polls} == {"no connection"}


def test_the_hmi_takes_a_new_connection_after_a_reply_that_did_not_come() -> None:
    connections = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    async def talk() -> lab.HmiReport:
        (endpoint,) = _endpoints(1)
        async with await asyncio.start_server(say_nothing, endpoint.host, endpoint.port):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(0.5, stop.set)
            hmi = lab.Hmi([endpoint], source=HMI, period_s=0.05, adjust_every_s=None, reply_timeout_s=0.05)
            return await hmi.run(stop)

    report = asyncio.run(talk())

    assert {lost.why for lost in report.lost_polls} == {"no reply"}
    assert connections == len(report.lost_polls) == report.polls > 1


def test_the_hmi_does_not_wait_for_a_reply_on_a_connection_that_has_ended() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def talk() -> lab.HmiReport:
        (endpoint,) = _endpoints(1)
        async with await asyncio.start_server(hang_up, endpoint.host, endpoint.port):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(0.5, stop.set)
            hmi = lab.Hmi([endpoint], source=HMI, period_s=0.05, adjust_every_s=None, reply_timeout_s=60)
            return await hmi.run(stop)

    report = asyncio.run(talk())

    assert {lost.why for lost in report.lost_polls} == {"connection ended"}
    assert len(report.lost_polls) == report.polls > 1


def test_the_hmi_does_not_adjust_a_unit_whose_poll_it_has_just_lost() -> None:
    async def talk() -> lab.HmiReport:
        endpoints, stop = _endpoints(1), asyncio.Event()
        plant = lab.Plant(endpoints, 1.0)
        await plant.start()
        hmi = lab.Hmi(endpoints, source=HMI, period_s=0.05, adjust_every_s=None)
        polling = asyncio.create_task(hmi.run(stop))
        await asyncio.sleep(0.3)
        await plant.stop()
        await asyncio.sleep(0.1)
        adjusting = asyncio.create_task(hmi._adjust_for_ever(0.02, stop))
        await asyncio.sleep(0.3)
        stop.set()
        await adjusting
        return await polling

    report = asyncio.run(talk())

    assert report.lost_polls != []
    assert report.adjustments.sent == 0


def test_each_write_that_reached_a_unit_is_noted_and_no_read() -> None:
    noted = io.StringIO()

    async def talk() -> None:
        endpoints = _endpoints(2)
        plant = lab.Plant(endpoints, 1.0, writes=lab.WriteLog(noted))
        await plant.start()
        await lab.write_setpoint_once(endpoints[1], 21.5, HMI)
        await lab.stop_fans(endpoints[:1], ATTACKER)
        await plant.stop()
        await asyncio.sleep(0)

    asyncio.run(talk())
    lines = [json.loads(line) for line in noted.getvalue().splitlines()]

    assert [(line["host"], line["function_code"], line["address"], line["values"]) for line in lines] == [
        ("127.11.9.2", 16, 100, lab.setpoint_registers(21.5)),
        ("127.11.9.1", 5, 0, [0]),
    ]


def test_the_hmi_counts_a_unit_that_disappears_and_finds_it_again() -> None:
    async def talk() -> tuple[int, int, lab.HmiReport]:
        endpoints = _endpoints(1)
        hmi, stop = lab.Hmi(endpoints, source=HMI, period_s=0.05, adjust_every_s=None), asyncio.Event()
        polling = asyncio.create_task(hmi.run(stop))
        lost = []
        for _ in range(2):
            plant = lab.Plant(endpoints, 1.0)
            await plant.start()
            await asyncio.sleep(0.3)
            lost.append(len(hmi.report.lost_polls))
            await asyncio.sleep(0.2)
            await plant.stop()
            await asyncio.sleep(0.3)
        stop.set()
        return lost[0], lost[1], await polling

    first, second, report = asyncio.run(talk())

    assert first <= second < len(report.lost_polls) < report.polls


def test_the_hmi_does_not_undo_an_overwrite_that_its_last_poll_has_not_shown() -> None:
    async def talk() -> float:
        async with _plant(1) as (plant, endpoints):
            stop = asyncio.Event()
            hmi = lab.Hmi(endpoints, source=HMI, period_s=0.4, adjust_every_s=0.05)
            playing = asyncio.gather(hmi.run(stop), plant.run(stop))
            await asyncio.sleep(0.9)  # polled at 0.8 s, adjusting since then, polled again at 1.2 s
            await lab.overwrite_setpoints(endpoints, ATTACKER)
            await asyncio.sleep(0.2)
            stop.set()
            await playing
            return plant.units[0].room.setpoint_degc

    assert asyncio.run(talk()) == 35.0
