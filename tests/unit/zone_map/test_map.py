"""The zone map: every zone and group is on it, violations are red, and the same site gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from modwarden.site import load_site
from modwarden.site.proof import prove
from modwarden.zone_map import render_map
from modwarden.zone_map._layout import lay_out
from modwarden.zone_map._scene import build_scene

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PLANTS = ["pharma-building/before", "pharma-building/after", "water-plant/before", "water-plant/after"]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(plant: str) -> ET.Element:
    site = load_site(EXAMPLES / plant / "site.yaml")
    return ET.fromstring(render_map(site, prove(site)))


def words(svg: ET.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def test_two_hundred_controllers_are_one_box() -> None:
    assert "ahu-[001-200] \u00d7200" in words(drawn("pharma-building/after"))


def test_a_violation_is_red_and_explained() -> None:
    svg = drawn("water-plant/before")
    red = [path for path in svg.iter(f"{SVG}path") if path.get("stroke-width") == "3.0"]

    assert [path.get("stroke") for path in red] == ["#c81e1e", "#c81e1e"]
    assert any(line.startswith("1  city reaches plant through a host") for line in words(svg))


def test_where_nothing_is_violated_nothing_is_red() -> None:
    assert [
        path for path in drawn("water-plant/after").iter(f"{SVG}path") if path.get("stroke-width") == "3.0"
    ] == []


@pytest.mark.parametrize("plant", PLANTS)
def test_no_box_covers_another(plant: str) -> None:
    site = load_site(EXAMPLES / plant / "site.yaml")
    boxes = list(lay_out(build_scene(site, prove(site))).boxes.values())

    overlapping = [
        (a.node.key, b.node.key)
        for index, a in enumerate(boxes)
        for b in boxes[index + 1 :]
        if a.node is not None and b.node is not None
        and a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
    ]  # fmt: skip
    assert overlapping == []


@pytest.mark.parametrize("plant", PLANTS)
def test_zones_stand_in_rows_by_level(plant: str) -> None:
    site = load_site(EXAMPLES / plant / "site.yaml")
    boxes = lay_out(build_scene(site, None)).boxes
    heights = sorted((boxes[str(zone.name)].y, -(zone.level or 0)) for zone in site.zones.values())

    assert [level for _, level in heights] == sorted(level for _, level in heights)


def test_two_runs_draw_the_same_bytes(tmp_path: Path) -> None:
    maps = []
    for seed in ("1", "2"):
        code = "import sys; from modwarden.cli.app import main; sys.exit(main(sys.argv[1:]))"
        target = tmp_path / f"{seed}.svg"
        site = str(EXAMPLES / "pharma-building/after/site.yaml")
        subprocess.run(
            [sys.executable, "-c", code, "map", site, "-o", str(target)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        maps.append(target.read_bytes())

    assert maps[0] == maps[1]
