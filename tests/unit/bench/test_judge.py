"""Which lost polls are a server's own, and which the guard has to answer for."""

from __future__ import annotations

from typing import Any

import pytest
from bench.soak.judge import judge_polls
from bench.soak.plant import Outage

OUTAGE = Outage(first_unit=6, last_unit=10, began=1000.0, ended=1010.0)


def _report(*lost: tuple[float, float, str]) -> dict[str, Any]:
    return {
        "client": "hmi",
        "polls": 50,
        "lost_from_unix_s": [began for began, _, _ in lost],
        "lost_at_unix_s": [at for _, at, _ in lost],
        "lost_units": [unit for _, _, unit in lost],
        "lost_why": ["no reply"] * len(lost),
    }


@pytest.mark.parametrize(
    ("began", "given_up"), [(999.0, 1000.5), (1004.0, 1005.0), (1009.9, 1021.9), (1011.5, 1023.5)]
)
def test_a_poll_whose_server_was_gone_meanwhile_is_no_loss_of_the_guard(
    began: float, given_up: float
) -> None:
    assert judge_polls("hmi", [_report((began, given_up, "ahu-006"))], [OUTAGE]).is_held


@pytest.mark.parametrize(
    "lost",
    [(1004.0, 1005.0, "ahu-011"), (998.0, 999.0, "ahu-006"), (1013.0, 1013.1, "ahu-006")],
    ids=["another server", "before the outage", "begun after the outage"],
)
def test_a_poll_lost_of_another_server_or_at_another_time_is(lost: tuple[float, float, str]) -> None:
    check = judge_polls("hmi", [_report(lost)], [OUTAGE])

    assert check.is_held is False
    assert check.measured.startswith("1 of 50")
    assert f"({lost[2]} no reply after " in check.measured


def test_where_nobody_polled_nothing_is_held() -> None:
    assert judge_polls("hmi", [], []).is_held is False
