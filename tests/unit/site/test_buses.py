"""Serial buses: isolation between buildings, and parts held against what is needed."""

from __future__ import annotations

from typing import Any

import pytest

TEST = "tests:\n"
# The seed case: 5000 VDC, above 100 kV/µs, 150 Mbit/s, -40 to +125 °C.
NEED = 'need: {isolation: 5000 VDC, cmti: ">100 kV/us", data_rate: 150 Mbit/s, temperature: [-40, 125]}'
PART = '{isolation: 5000 VDC, cmti: ">100 kV/us", data_rate: 150 Mbit/s, temperature: [-40, 125]}'


def plant(part: str, other: str = "hall") -> tuple[str, str]:
    text = (
        f"transceivers:\n  part: {part}\n"
        f"buses:\n  bus:\n    gateway: gw-1\n    {NEED}\n    segments:\n"
        f"      - {{building: works, units: [flow-1], transceiver: part}}\n"
        f"      - {{building: {other}, units: [flow-2], transceiver: part}}\n"
    )
    return TEST, text + TEST


def test_a_part_that_meets_the_need_is_fine(workshop: Any) -> None:
    assert workshop.findings(plant(PART)) == []


def test_a_bus_across_buildings_without_isolation_is_found(workshop: Any) -> None:
    (across, below) = workshop.findings(plant(PART.replace("isolation: 5000 VDC, ", "")))[:2]

    assert across.name == "bus-across-buildings"
    assert across.message == "the bus 'bus' joins works, hall, without isolation in works, hall"
    assert below.message.endswith("isolation none, needed 5000 VDC")


def test_a_bus_in_one_building_needs_none(workshop: Any) -> None:
    found = workshop.findings(plant(PART.replace("isolation: 5000 VDC, ", ""), other="works"))

    assert {finding.name for finding in found} == {"transceiver-below-need"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("5000 VDC", "3750 VDC", "isolation 3750 VDC, needed 5000 VDC"),
        ("5000 VDC", "5000 VRMS", "isolation 5000 VRMS, needed 5000 VDC"),
        ('">100 kV/us"', "100 kV/us", "CMTI 100 kV/µs, needed above 100 kV/µs"),
        ("150 Mbit/s", "500 kbit/s", "data rate 0.5 Mbit/s, needed 150 Mbit/s"),
        ("[-40, 125]", "[-40, 85]", "temperature -40 to 85 °C, needed -40 to 125 °C"),
        (", temperature: [-40, 125]", "", "temperature not given, needed -40 to 125 °C"),
    ],
)
def test_each_figure_below_the_need_is_named(workshop: Any, before: str, after: str, words: str) -> None:
    found = workshop.findings(plant(PART.replace(before, after)))

    assert [finding.name for finding in found] == ["transceiver-below-need"] * 2
    assert words in found[0].message


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("5000 VDC", "5 kV", "bad-voltage"),
        ('">100 kV/us"', "fast", "bad-cmti"),
        ("150 Mbit/s", "150", "bad-data-rate"),
        ("[-40, 125]", "[125, -40]", "bad-temperature"),
    ],
)
def test_a_figure_that_is_none_is_told_with_its_line(
    workshop: Any, before: str, after: str, name: str
) -> None:
    problems = workshop.problems(plant(PART.replace(before, after)))

    assert [problem.name for problem in problems] == [name]
    assert problems[0].origin.line == workshop.line_of("  part:")


def test_names_on_a_bus_are_held_against_what_exists(workshop: Any) -> None:
    text = plant(PART)[1].replace(
        "units: [flow-1], transceiver: part", "units: [ahu-1, flow-9], transceiver: prat"
    )
    problems = workshop.problems((TEST, text))

    assert sorted(problem.name for problem in problems) == [
        "unit-elsewhere",
        "unknown-asset",
        "unknown-transceiver",
    ]
