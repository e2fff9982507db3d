"""How a connect ended, against what the proof says of it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from tests.unit.site.proof.test_guard_in_the_wire import SITE

from modwarden.model import AssetName, ZoneName
from modwarden.probe import Ended, Expected, Knock, Target, findings_of, judge
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

BLOCKED, PASSED = "probe-blocked", "probe-passed"


def knock(expected: Expected, number: int = 1) -> Knock:
    address = ip_address(f"10.11.0.{number}")
    target = Target(AssetName(f"ahu-{number}"), address, 502, "Modbus server", is_served=True)
    return Knock(target, ip_address("10.10.0.5"), ZoneName("control"), expected)


@pytest.mark.parametrize(
    ("expected", "ended", "finding"),
    [
        (Expected.WORKS, Ended.CONNECTED, None),
        (Expected.WORKS, Ended.RESET, None),
        (Expected.WORKS, Ended.REFUSED, BLOCKED),
        (Expected.WORKS, Ended.TIMED_OUT, BLOCKED),
        (Expected.WORKS, Ended.UNREACHABLE, BLOCKED),
        # The guard takes it whoever asks, and asks its rules for each request.
        (Expected.GUARD, Ended.CONNECTED, None),
        (Expected.GUARD, Ended.RESET, None),
        (Expected.GUARD, Ended.REFUSED, BLOCKED),
        (Expected.REFUSED_BY_GUARD, Ended.RESET, None),
        (Expected.REFUSED_BY_GUARD, Ended.REFUSED, None),
        (Expected.REFUSED_BY_GUARD, Ended.TIMED_OUT, None),
        (Expected.REFUSED_BY_GUARD, Ended.CONNECTED, PASSED),
        (Expected.FAILS, Ended.TIMED_OUT, None),
        (Expected.FAILS, Ended.UNREACHABLE, None),
        (Expected.FAILS, Ended.REFUSED, None),
        (Expected.FAILS, Ended.CONNECTED, PASSED),
        (Expected.FAILS, Ended.RESET, PASSED),
    ],
)
def test_each_end_is_held_against_the_proof(expected: Expected, ended: Ended, finding: str | None) -> None:
    assert judge(knock(expected), ended).finding == finding


def test_a_refusal_and_unreachable_bear_out_nothing_for_they_may_be_the_other_end_s_or_this_host_s() -> None:
    open_questions = [judge(knock(Expected.FAILS), ended).is_open_question for ended in Ended]

    assert open_questions == [ended in (Ended.REFUSED, Ended.UNREACHABLE) for ended in Ended]
    assert judge(knock(Expected.REFUSED_BY_GUARD), Ended.UNREACHABLE).is_open_question


def test_what_differs_in_the_same_way_is_one_finding_and_names_the_guard_that_may_have_answered(
    tmp_path: Path,
) -> None:
    text = SITE.format(transparent="", permit="", failure="closed", nevers="")
    (tmp_path / "site.yaml").write_text(text)
    site = load_site(tmp_path / "site.yaml")
    results = [judge(knock(Expected.FAILS, number), Ended.RESET) for number in (1, 2)]
    results.append(judge(knock(Expected.WORKS, 3), Ended.TIMED_OUT))
    reset, blocked = findings_of(site, results)

    assert reset.message == (
        "10.10.0.5 in control is connected, and reset at once, at ahu-[1-2] (10.11.0.1 and 1 more) tcp/502,"
        " and the proof says that it reaches nothing there;"
        " the guard on gate-1 stands before it, and may be what answered"
    )
    assert blocked.message == (
        "10.10.0.5 in control does not reach ahu-3 (10.11.0.3) tcp/502, as the proof says it does: timed out"
    )
