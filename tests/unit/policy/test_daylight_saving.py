"""Schedules on the days on which clocks change, in the site's own time zone, through the compiled policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modwarden.policy import run_policy_tests
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Clocks
timezone: Europe/Berlin
zones: {{field: {{networks: [10.11.0.0/16]}}, control: {{networks: [10.10.0.0/24]}}}}
assets:
  gate-1: {{zone: control, addresses: [10.10.0.2]}}
  hmi-1: {{zone: control, addresses: [10.10.0.5]}}
  plc-1: {{zone: field, addresses: [10.11.0.1], unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    servers: {{plc-1: {{listen: "10.10.0.2:1502"}}}}
    rules: [{{name: night, permit: [read], when: "Sun {window}"}}]
tests:
"""


def results(folder: Path, window: str, expected: dict[str, str]) -> dict[str, bool]:
    lines = [
        f'  - {{client: hmi-1, server: plc-1, request: "read coil 0", at: "{at}", expect: {expect}}}\n'
        for at, expect in expected.items()
    ]
    path = folder / "site.yaml"
    path.write_text(SITE.format(window=window) + "".join(lines))
    found = run_policy_tests(load_site(path))
    return {at: result.is_passed for at, result in zip(expected, found, strict=True)}


def test_a_window_in_the_skipped_hour_never_comes(tmp_path: Path) -> None:
    # 2026-03-29: 01:59:59 is followed by 03:00:00.
    expected = {
        "2026-03-29T01:59:59+01:00": "deny",
        "2026-03-29T03:00:00+02:00": "deny",
        "2026-03-22T02:30:00+01:00": "permit",
        "2026-04-05T02:30:00+02:00": "permit",
    }

    assert all(results(tmp_path, "02:00-03:00", expected).values())


def test_a_window_in_the_doubled_hour_comes_twice(tmp_path: Path) -> None:
    # 2026-10-25: 02:59:59 of summer is followed by 02:00:00 of winter.
    expected = {
        "2026-10-25T01:59:59+02:00": "deny",
        "2026-10-25T02:00:00+02:00": "permit",
        "2026-10-25T02:59:59+02:00": "permit",
        "2026-10-25T02:00:00+01:00": "permit",
        "2026-10-25T02:59:59+01:00": "permit",
        "2026-10-25T03:00:00+01:00": "deny",
    }

    assert all(results(tmp_path, "02:00-03:00", expected).values())


def test_a_shift_through_either_night_begins_and_ends_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    expected = {
        "2026-03-29T06:59:59+02:00": "deny",
        "2026-03-29T07:00:00+02:00": "permit",
        "2026-03-29T16:59:59+02:00": "permit",
        "2026-10-25T06:59:59+01:00": "deny",
        "2026-10-25T07:00:00+01:00": "permit",
        "2026-10-25T17:00:00+01:00": "deny",
    }

    assert all(results(tmp_path, "07:00-17:00", expected).values())
