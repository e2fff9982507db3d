"""The cleanroom's site file as the soak runs it: with engineers, and a record that is kept shortly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modwarden.lab import cleanroom_site

if TYPE_CHECKING:
    from pathlib import Path

ENGINEER_ADDRESS = "127.10.0.6"
GUARD_ADDRESS = "127.10.0.2"
FIRST_PORT = 15001
# Two requests a second and unit, some 300 bytes a row: a segment lasts about eight seconds.
_SEGMENT_BYTES_PER_UNIT = 5 << 10
# Beside the live one and one that is being sealed: a sealed one takes a twentieth, so minutes are kept.
_KEPT_SEGMENTS = 3
_HMI = "  hmi-1:  {zone: control, addresses: [127.10.0.5]}\n"
_RULE = "      - {name: no-restart,"


@dataclass(frozen=True, slots=True)
class SoakSite:
    """Where the site file is, and how large the plant."""

    path: Path
    units: int

    @property
    def segment_bytes(self) -> int:
        """When a live segment is sealed."""
        return self.units * _SEGMENT_BYTES_PER_UNIT

    def write(self, name: str = "engineer-climate") -> None:
        """Write the file; another name of one rule makes another policy."""
        text = cleanroom_site(self.units, verdicts="enforce")
        engineer = f"  eng-1:  {{zone: control, addresses: [{ENGINEER_ADDRESS}]}}\n"
        rules = (
            f"      - {{name: {name}, clients: [eng-1], permit: [write], points: [temperature_setpoint]}}\n"
            "      - {name: engineer-reads, clients: [eng-1], permit: [read]}\n"
        )
        kept = f"size: {_KEPT_SEGMENTS * self.segment_bytes // 1000}KB"
        for old, new in (
            (_HMI, _HMI + engineer),
            (_RULE, rules + _RULE),
            ("keep: {age: 30d, size: 1GB}", f"keep: {{age: 30d, {kept}}}"),
        ):
            assert old in text, old
            text = text.replace(old, new, 1)
        self.path.write_text(text)

    def target(self, units: int | None = None) -> str:
        """Say where clients find the first so many units."""
        return f"{GUARD_ADDRESS}:[{FIRST_PORT}-{FIRST_PORT + (units or self.units) - 1}]"
