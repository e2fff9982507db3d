"""The lab's four zones: what the proof says of them, held against real packets and a real guard."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import COMMAND, wait_until
from tests.doubles.netns import missing_in_kernel
from tests.doubles.zones_lab import Lab, alone, namespaces, run, standing

from modwarden.lab import setpoint_registers
from modwarden.site import load_site
from modwarden.site.proof import prove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_tool("nft"),
    pytest.mark.needs_tool("ip"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> Iterator[None]:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    with alone():
        if namespaces():
            pytest.skip("another lab stands on this machine")
        yield


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, _kernel: None) -> Iterator[Lab]:
    with standing(tmp_path_factory.mktemp("zones")) as lab:
        yield lab


def test_who_can_write_what_holds_for_real_packets(lab: Lab) -> None:
    proof = prove(load_site(lab.site))
    before = lab.writes()
    permitted = lab.setpoint("control", "10.10.0.5", 21.5)
    asked = [("control", "10.10.0.5", 35.0), ("control", "10.10.0.6", 22.5)]
    asked += [("dmz", "10.20.0.5", 22.5), ("dmz", "10.20.0.6", 22.5), ("enterprise", "10.30.0.5", 22.5)]
    ended = [lab.write(*one) for one in asked]

    assert proof is not None
    assert [str(one) for one in proof.writes] == [
        "control can write temperature_setpoint of ahu-[1-4] by hvac/hmi-climate"
    ]
    assert permitted["answered"] == 1
    # By value and by client at the guard; by the router, which lets neither jump host nor office near.
    assert ended == ["exception 1", "exception 1", "exception 1", "no connection", "no connection"]
    assert lab.writes()[len(before) :] == [setpoint_registers(21.5)]


def test_what_a_never_takes_away_is_refused_whoever_asks(lab: Lab) -> None:
    """The HMI's rule names the fan, and `fans-stay` forbids it; the proof lists the setpoint alone."""
    ask = (
        "from pymodbus.client import ModbusTcpClient as C;"
        "c = C('10.11.0.2', source_address=('10.10.0.5', 0)); c.connect();"
        "print(c.read_coils(0, count=1, device_id=1).isError(),"
        " c.write_coil(0, False, device_id=1).exception_code)"
    )

    assert lab.inside("control", sys.executable, "-c", ask).split() == ["False", "1"]


@pytest.mark.parametrize(
    ("zone", "place", "expected"),
    [
        ("enterprise", "office-1", {"works", "fails"}),
        ("dmz", "dmz", {"works", "fails", "guard"}),
        ("control", "eng-1", {"fails", "guard", "refused-by-guard"}),
        ("field", "ahu-2", {"works", "fails"}),
    ],
)
def test_from_each_zone_every_connect_is_as_proven(
    lab: Lab, zone: str, place: str, expected: set[str]
) -> None:
    code, told = lab.probe(zone, place)
    results = told["results"]

    assert code == 0, told
    assert {one["expected"] for one in results} == expected
    assert told["as_proven"] == len(results) > 8
    # The guard takes what looks like Modbus, and resets what no conduit has.
    assert {one["ended"] for one in results if one["expected"] == "refused-by-guard"} <= {"reset"}


def test_a_rule_that_is_not_in_the_site_file_is_found_by_the_probe(lab: Lab) -> None:
    rule = ("inet", "filter", "forward", "iifname", '"mwl-enterprise"', "accept")
    lab.inside("router", "nft", "insert", "rule", *rule)
    try:
        code, told = lab.probe("enterprise", "enterprise")
    finally:
        lab.inside("router", "nft", "flush", "ruleset")
        lab.inside("router", "nft", "-f", str(lab.folder / "router-1.nft"))
    passed = [one for one in told["results"] if one["finding"] == "probe-passed"]

    assert code == 1
    assert {(one["asset"], one["port"], one["ended"]) for one in passed} == {
        # The guard took each of them, and resets what no conduit has.
        *((f"ahu-{number}", 502, "connected") for number in range(1, 5)),
        *((f"ahu-{number}", 802, "reset") for number in range(1, 5)),
    }


def test_the_kernel_s_listing_of_the_guard_s_rules_proves_the_same_as_what_was_written(
    lab: Lab, tmp_path: Path
) -> None:
    for name in ("site.yaml", "router-1.nft"):
        (tmp_path / name).write_text((lab.folder / name).read_text())
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "rules.nft").write_text(lab.inside("gate", "nft", "list", "ruleset"))
    listed, written = prove(load_site(tmp_path / "site.yaml")), prove(load_site(lab.site))

    assert listed is not None
    assert written is not None
    assert [str(one) for one in listed.reach.in_words()] == [str(one) for one in written.reach.in_words()]
    assert (listed.findings, listed.remarks) == (written.findings, written.remarks) == ((), ())


def test_the_historian_shows_what_it_reads_through_the_guard_to_the_office(lab: Lab) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://10.20.0.5:8080/', timeout=5).read().decode())"
    wait_until(
        lambda: "error" not in lab.inside("enterprise", sys.executable, "-c", ask), "every unit was read"
    )
    trend = json.loads(lab.inside("enterprise", sys.executable, "-c", ask))

    assert sorted(trend) == ["ahu-001", "ahu-002", "ahu-003", "ahu-004"]
    assert all(18 < unit["room_degc"] < 26 for unit in trend.values())


def test_a_second_lab_is_refused_while_one_stands(lab: Lab, tmp_path: Path) -> None:
    for words in (("-o", str(tmp_path / "other")), ("--down",)):
        refused = run(*COMMAND, "lab", "zones", *words)

        assert (refused.returncode, f"process {lab.process.pid}" in refused.stderr) == (3, True)
    assert len(namespaces()) == 6
