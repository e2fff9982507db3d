"""Limits: overriding key by key, and one set of limits within another."""

import pytest

from modwarden.model import Limits, MaxChange

HOUR = 3_600_000


def test_each_key_that_is_given_replaces_its_own_and_no_other() -> None:
    own = Limits(range=(18, 24), max_step=0.5)

    assert own.overridden_by(Limits(range=(16, 26))) == Limits(range=(16, 26), max_step=0.5)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (Limits(range=(1, 2)), Limits()),
        (Limits(range=(1, 2)), Limits(range=(1, 3))),
        (Limits(range=(1, 2)), Limits(allowed=(3,))),
        (Limits(allowed=(1, 2)), Limits()),
        (Limits(allowed=(1, 2)), Limits(allowed=(1, 3))),
        (Limits(max_step=1), Limits()),
        (Limits(max_step=1), Limits(max_step=2)),
        (Limits(per_minute=6), Limits(per_minute=7)),
        (Limits(max_change=MaxChange(2, HOUR)), Limits()),
        (Limits(max_change=MaxChange(2, HOUR)), Limits(max_change=MaxChange(3, HOUR))),
        (Limits(max_change=MaxChange(2, HOUR)), Limits(max_change=MaxChange(2, HOUR - 1))),
        (Limits(max_step=1, max_age_ms=5), Limits(max_step=1)),
    ],
)
def test_limits_that_refuse_something_do_not_admit_all_of_others(outer: Limits, inner: Limits) -> None:
    assert not outer.admits_all_of(inner)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (Limits(), Limits(range=(1, 2))),
        (Limits(range=(1, 4)), Limits(range=(2, 3))),
        (Limits(range=(1, 4)), Limits(allowed=(1, 4))),
        (Limits(allowed=(1, 2)), Limits(allowed=(2,))),
        (Limits(max_step=2), Limits(max_step=1)),
        (Limits(max_change=MaxChange(2, HOUR)), Limits(max_change=MaxChange(1, 2 * HOUR))),
    ],
)
def test_wider_limits_admit_all_of_narrower_ones(outer: Limits, inner: Limits) -> None:
    assert outer.admits_all_of(inner)


@pytest.mark.parametrize(
    ("limits", "can_pass"),
    [
        (Limits(per_minute=0), False),
        (Limits(range=(2, 1)), False),
        (Limits(allowed=()), False),
        (Limits(range=(1, 2), allowed=(3,)), False),
        (Limits(range=(1, 2), allowed=(2, 3)), True),
        (Limits(allowed=(3,)), True),
        (Limits(), True),
    ],
)
def test_limits_that_no_value_satisfies_are_told_apart(limits: Limits, *, can_pass: bool) -> None:
    assert limits.can_pass == can_pass
