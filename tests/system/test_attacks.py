"""The guard under attack: honest clients lose nothing, and the limit that was met is named.

Windows are short here; `make attack` measures longer ones and the full numbers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.attacked import (
    FOREIGN_ADDRESS,
    INSIDE_ADDRESS,
    INSIDER,
    IS_WHOLE,
    OUTSIDERS,
    SECONDS,
    Attack,
    Attacked,
    attacked,
    bad_requests,
)
from tests.doubles.guard import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.needs_programs]

QUIET_WARM_UP_S = 0.3
# Until the attack is in full swing.
WARM_UP_S = 4.0 if IS_WHOLE else 2.0
MANY = 10_000 if IS_WHOLE else 1_000
OUTSIDE: dict[str, Any] = {
    "sources": OUTSIDERS,
    "connections": 200,
    "address": FOREIGN_ADDRESS,
    "says": "nothing",
    "every_s": 0.0,
    "reads": True,
    "reopens": True,
}
INSIDE = {**OUTSIDE, "sources": [INSIDER], "address": INSIDE_ADDRESS, "connections": 20}
ONE = {**OUTSIDE, "sources": OUTSIDERS[:1]}
CHURN = {"source": OUTSIDERS[0], "address": FOREIGN_ADDRESS}
ROOM = f"sessions: {MANY * 4 // 5}, sessions_per_client: {MANY * 4 // 5}"
ATTACKS = [
    Attack(
        "idle connections",
        "sessions_unnamed",
        {**OUTSIDE, "connections": MANY, "reopens": False},
        budgets=ROOM,
    ),
    Attack("one client's connections", "sessions_per_client", {**INSIDE, "connections": 400}),
    Attack("half-open", "idle_timeout", OUTSIDE, idle="2s"),
    Attack("slowloris", "slow_frame", {**OUTSIDE, "says": "trickle", "every_s": 0.3}, idle="2s"),
    Attack(
        "connect and vanish",
        "session_rows_per_second",
        {**CHURN, "per_second": 2000.0, "says": "nothing"},
        "churn",
    ),
    Attack("churn", "session_rows_per_second", {**CHURN, "per_second": 5000.0, "says": "read"}, "churn"),
    Attack("replies unread", "client_bytes", {**INSIDE, "says": "reads", "reads": False, "connections": 4}),
    Attack("pipelining without end", "queued_requests", {**INSIDE, "says": "reads", "connections": 1}),
    Attack("pipelines without end", "open_requests", {**INSIDE, "says": "reads"}),
    Attack("flood of denials", "denial_rows_per_second", {**ONE, "says": "writes", "connections": 16}),
    Attack("garbage", "denial_rows_per_second", {**ONE, "says": "garbage", "connections": 50}),
    Attack("wrong protocol", "denial_rows_per_second", {**ONE, "says": "wrong_protocol", "connections": 50}),
    Attack("wrong lengths", "denial_rows_per_second", {**ONE, "says": "wrong_length", "connections": 50}),
    Attack(
        "descriptors exhausted",
        "descriptors",
        {**OUTSIDE, "connections": 600, "reopens": False},
        descriptors=256,
    ),
    Attack("descriptors fought for", "descriptors", {**OUTSIDE, "connections": 600}, descriptors=256),
]
# What an ordinary test run has time for.
QUICK = {"slowloris", "churn", "replies unread", "flood of denials", "wrong lengths"}


@pytest.fixture(
    params=[attack for attack in ATTACKS if IS_WHOLE or attack.name in QUICK],
    ids=lambda attack: attack.name.replace(" ", "-"),
)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Attacked]:
    with attacked(tmp_path, request.param) as scene:
        yield scene


def test_honest_clients_lose_nothing_and_the_limit_that_was_met_is_named(scene: Attacked) -> None:
    before = scene.facts()
    with scene.honest_clients(QUIET_WARM_UP_S) as polling:
        polling.wait_for_begin()
        quiet = polling.report()
    scene.wait_until_all_are_gone()
    met_before = scene.limits()
    with scene.honest_clients(WARM_UP_S) as polling, scene.attacker() as attacker:
        polling.wait_for_begin()
        begun, since = scene.facts(), time.monotonic()
        under_attack = polling.report()
        most, whole_s = scene.facts(), time.monotonic() - since
        answers = _still_answers(scene)
        attacker.kill()
    scene.wait_until_all_are_gone()
    wait_until(lambda: scene.facts().descriptors <= before.descriptors + 2, "descriptors are given back")
    met, metrics = scene.limits(), scene.guard.control.metrics()
    scene.found = {
        "attack": scene.attack.name,
        "quiet": quiet,
        "attacked": under_attack,
        "limits": {name: count - met_before.get(name, 0) for name, count in met.items()},
        "cpu_share": (most.cpu_ns - begun.cpu_ns) / 1e9 / whole_s,
        "descriptors": [before.descriptors, most.descriptors, scene.facts().descriptors],
        "resident_mb": [facts.resident_bytes / 1e6 for facts in (before, most, scene.facts())],
        "journal_up": answers["journal"]["up"],
    }
    scene.report()

    assert bad_requests(quiet) == 0
    assert bad_requests(under_attack) == 0
    assert scene.found["limits"].get(scene.attack.limit, 0) > 0
    assert f'modwarden_limits_total{{limit="{scene.attack.limit}"}} {met[scene.attack.limit]}\n' in metrics
    assert answers["journal"]["up"]
    assert scene.guard.stop() == 0, scene.guard.log
    assert scene.guard.verify()["findings"] == []


def test_a_guard_out_of_descriptors_rests_reloads_and_shows_its_limit(tmp_path: Path) -> None:
    attack = next(attack for attack in ATTACKS if attack.name == "descriptors exhausted")
    with attacked(tmp_path, attack) as scene, scene.attacker():
        wait_until(lambda: scene.limits().get("descriptors", 0) > 0, "the limit is met")
        begun, since = scene.facts(), time.monotonic()
        time.sleep(SECONDS)
        share = (scene.facts().cpu_ns - begun.cpu_ns) / 1e9 / (time.monotonic() - since)
        reloaded = scene.guard.control.reload()
        top = scene.guard.ask("top", str(scene.guard.site), "--json")

    assert reloaded.is_in_force, reloaded.line
    assert '"descriptors": ' in top.stdout, top.stderr
    # Nobody talks: a loop that came back at once for what it cannot accept would take the whole core.
    assert share < 0.5


def test_an_honest_client_connects_while_strangers_hold_all_the_sessions_they_can(tmp_path: Path) -> None:
    attack = Attack("strangers", "sessions_unnamed", OUTSIDE, budgets="sessions: 60, sessions_per_client: 60")
    with attacked(tmp_path, attack) as scene, scene.attacker():
        wait_until(lambda: scene.limits().get("sessions_unnamed", 0) > 0, "the limit is met")
        with scene.honest_clients(QUIET_WARM_UP_S) as polling:
            polling.wait_for_begin()
            report = polling.report()

    assert bad_requests(report) == 0


def _still_answers(scene: Attacked) -> dict[str, Any]:
    """`top` under attack, as a person would ask for it."""
    shown: subprocess.CompletedProcess[str] = scene.guard.ask("top", str(scene.guard.site), "--once")
    assert shown.returncode == 0, shown.stderr
    assert "limit met: " in shown.stdout, shown.stdout
    return scene.guard.status()
