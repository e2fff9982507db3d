"""A small site that is right, and ways to make it wrong."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from modwarden.model import Finding, Site
from modwarden.site import SiteError, SiteProblem, check_site, load_site

GOOD = """\
modwarden: 1
site: Test site
timezone: Europe/Berlin
zones:
  field: {networks: [10.11.0.0/16]}
  control: {networks: [10.10.0.0/24]}
points:
  ahu:
    supply: {at: input_register 0, type: int16}
    setpoint: {at: holding_register 100-101, type: float32, write: {range: [18, 24]}}
    fan: {at: coil 0}
assets:
  gate-1: {zone: control, addresses: [10.10.0.2]}
  hmi-1: {zone: control, addresses: [10.10.0.5]}
  "ahu-[1-2]": {zone: field, addresses: ["10.11.0.[1-2]"], unit_ids: [1], points: ahu}
  gw-1: {zone: field, addresses: [10.11.1.1]}
  "flow-[1-2]": {zone: field, via: gw-1, unit_id: "[1-2]", points: ahu}
conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    servers:
      "ahu-[1-2]": {listen: "10.10.0.2:[15001-15002]"}
      gw-1: {listen: "10.10.0.2:1502"}
    rules:
      - {name: reads, clients: [hmi-1], permit: [read]}
      - {name: climate, clients: [hmi-1], permit: [write], points: [setpoint]}
tests:
  - {client: hmi-1, server: ahu-1, request: "write setpoint 30", expect: deny}
"""


@dataclass(frozen=True)
class Workshop:
    """Writes variants of the good site into a folder."""

    folder: Path

    def write(self, *changes: tuple[str, str]) -> Path:
        text = GOOD
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        path = self.folder / "site.yaml"
        path.write_text(text)
        return path

    def load(self, *changes: tuple[str, str]) -> Site:
        return load_site(self.write(*changes))

    def problems(self, *changes: tuple[str, str]) -> tuple[SiteProblem, ...]:
        return self.problems_of(self.write(*changes))

    def problems_of(self, path: Path) -> tuple[SiteProblem, ...]:
        with pytest.raises(SiteError) as caught:
            load_site(path)
        return caught.value.problems

    def findings(self, *changes: tuple[str, str]) -> list[Finding]:
        return check_site(self.load(*changes))

    def line_of(self, words: str) -> int:
        lines = (self.folder / "site.yaml").read_text().splitlines()
        return next(number for number, line in enumerate(lines, start=1) if words in line)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
