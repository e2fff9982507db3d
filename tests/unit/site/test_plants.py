"""The two flat plants under examples: `before` has exactly its known findings, `after` has none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modwarden.site import check_site, load_site
from modwarden.site.proof import prove

if TYPE_CHECKING:
    from modwarden.model import Finding

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def findings(plant: str) -> list[Finding]:
    site = load_site(EXAMPLES / plant / "site.yaml")
    proof = prove(site)
    assert proof is not None
    return [*check_site(site), *proof.findings]


def test_the_flat_building_lets_it_reach_every_controller() -> None:
    (only,) = findings("pharma-building/before")

    assert only.name == "it-reaches-ot"
    assert (
        only.message == "enterprise reaches building: 201 assets (bms-server, ahu-[001-200]) on any service"
    )
    assert (Path(only.origin.file).name, only.origin.line) == ("core-router.v4", 16)


def test_the_flat_water_plant_has_a_host_in_both_networks_and_twelve_bare_buses() -> None:
    found = findings("water-plant/before")

    assert Counter(one.name for one in found) == {
        "bus-across-buildings": 12,
        "dual-homed": 1,
        "host-around-dmz": 1,
    }
    around = next(one for one in found if one.name == "host-around-dmz")
    assert around.message.startswith("city reaches plant through a host around the DMZ: 16 assets")


@pytest.mark.parametrize("plant", ["pharma-building/after", "water-plant/after"])
def test_the_plant_in_four_zones_has_no_finding(plant: str) -> None:
    assert findings(plant) == []


@pytest.mark.parametrize(
    ("plant", "writes"),
    [
        (
            "pharma-building/after",
            ["control can write temperature_setpoint, fan_enable of ahu-[001-200] by hvac/bms-climate"],
        ),
        ("water-plant/after", ["control can write pump_speed, pump_start of rtu-[001-150] by water/pumps"]),
    ],
)
def test_the_proof_says_who_can_write_what(plant: str, writes: list[str]) -> None:
    proof = prove(load_site(EXAMPLES / plant / "site.yaml"))

    assert proof is not None
    assert [str(one) for one in proof.writes] == writes
