"""What goes wrong on the thread beside is told by whoever leaves it."""

from __future__ import annotations

import threading

import pytest
from bench.repeating import Repeating

PATIENCE_S = 30.0


def test_it_repeats_until_it_is_left() -> None:
    done, thrice = [], threading.Event()

    def note() -> None:
        done.append(1)
        if len(done) == 3:
            thrice.set()

    with Repeating(note, 0.0) as repeated:
        assert thrice.wait(PATIENCE_S)

    assert repeated.times == len(done) >= 3


@pytest.mark.parametrize("error", [AssertionError, OSError])
def test_what_ends_the_thread_is_raised_when_it_is_left(error: type[Exception]) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise error("refused")

    with pytest.raises(error, match="refused"), Repeating(fail, 0.0):
        assert failed.wait(PATIENCE_S)


def test_one_that_waits_first_and_is_left_at_once_does_nothing() -> None:
    with Repeating(lambda: pytest.fail("done"), PATIENCE_S, waits_first=True) as repeated:
        pass

    assert repeated.times == 0
