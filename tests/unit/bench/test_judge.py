"""Which lost polls are a server's own, and which the guard has to answer for."""

from __future__ import annotations

from typing import Any

import pytest
from bench.soak.judge import judge_polls
from bench.soak.plant import Outage

OUTAGE = Outage(first_unit=6, last_unit=10, began=1000.0, ended=1010.0)


def _report(*lost: tuple[float, str]) -> dict[str, Any]:
    return {
        "client": "hmi",
        "polls": 50,
        "lost_at_unix_s": [at for at, _ in lost],
        "lost_units": [unit for _, unit in lost],
        "lost_why": ["no reply"] * len(lost),
    }


def test_a_poll_lost_while_its_server_was_gone_is_no_loss_of_the_guard() -> None:
    assert judge_polls("hmi", [_report((1005.0, "ahu-006"), (1012.0, "ahu-010"))], [OUTAGE]).is_held


@pytest.mark.parametrize("lost", [(1005.0, "ahu-011"), (999.0, "ahu-006"), (1030.0, "ahu-006")])
def test_a_poll_lost_of_another_server_or_at_another_time_is(lost: tuple[float, str]) -> None:
    check = judge_polls("hmi", [_report(lost)], [OUTAGE])

    assert check.is_held is False
    assert check.measured.startswith("1 of 50")
    assert f"({lost[1]} no reply, " in check.measured


def test_where_nobody_polled_nothing_is_held() -> None:
    assert judge_polls("hmi", [], []).is_held is False
