"""The lab of four zones when it or its guard is killed: nothing passes, and nothing stays behind unnamed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import COMMAND, wait_until
from tests.doubles.netns import missing_in_kernel
from tests.doubles.zones_lab import alone, namespaces, run, standing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_tool("nft"),
    pytest.mark.needs_tool("ip"),
    pytest.mark.timeout(300),
]


def inside() -> list[str]:
    return [pid for name in namespaces() for pid in run("ip", "netns", "pids", name).stdout.split()]


def test_a_dead_guard_lets_nothing_pass_and_a_killed_lab_is_named_and_taken_down(tmp_path: Path) -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    with alone():
        if namespaces():
            pytest.skip("another lab stands on this machine")
        _kill_guard_and_lab(tmp_path)


def _kill_guard_and_lab(tmp_path: Path) -> None:
    with standing(tmp_path) as lab:
        before = lab.writes()
        (guard,) = run("ip", "netns", "pids", "mwlab-gate").stdout.split()
        lab.inside("gate", "kill", "-9", guard)
        wait_until(lambda: "guard has ended (-9)" in lab.said.read_text(), "the lab tells of its guard's end")
        code, told = lab.probe("control", "hmi-1")
        tally = lab.setpoint("control", "10.10.0.5", 21.5)
        lab.process.send_signal(signal.SIGKILL)
        lab.process.wait(30)
        wait_until(lambda: not inside(), "what the lab started ends with it")
        again = run(*COMMAND, "lab", "zones", "-o", str(tmp_path / "again"))
        left = namespaces()
        down = run(*COMMAND, "lab", "zones", "--down")
        written = lab.writes()

    assert code == 1
    at_guard = [one for one in told["results"] if one["expected"] == "guard"]
    assert {(one["finding"], one["ended"]) for one in at_guard} == {("probe-blocked", "refused")}
    assert (tally["answered"], written) == (0, before)
    assert len(left) == 6
    assert again.returncode == 3
    assert all(name in again.stderr for name in [*left, "modwarden lab zones --down"])
    assert (down.returncode, down.stdout.count("removed mwlab-"), namespaces()) == (0, 6, [])
