"""
Interval sets against sets of plain numbers.

Invariant tested: every operation gives exactly what Python's own sets give.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modwarden.site.rulesets.sets import ALL, IntervalSet

WHOLE = (0, 40)
intervals = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5)


def numbers(held: IntervalSet) -> set[int]:
    return {number for first, end in held.pieces(WHOLE) for number in range(first, end)}


@given(intervals, intervals)
def test_operations_are_those_of_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = IntervalSet.of(one), IntervalSet.of(other)

    assert numbers(a & b) == numbers(a) & numbers(b)
    assert numbers(a | b) == numbers(a) | numbers(b)
    assert numbers(a.without(WHOLE)) == set(range(*WHOLE)) - numbers(a)
    assert (a & ALL, (a | ALL) == ALL) == (a, True)
