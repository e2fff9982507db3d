"""Sets of numbers as bit masks: every bound of every set cuts the axis, each piece is one bit."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

# Half-open: (first, last + 1).
Interval: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[int, ...]

# Enough for any rule that a person wrote; beyond it a rule is not called covered.
_MAX_PIECES = 2_000


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension, cut at every bound that matters."""

    cuts: tuple[int, ...]

    @classmethod
    def cut_by(cls, whole: Interval, sets: Iterable[Iterable[Interval]]) -> "Axis":
        """Cut `whole` at each bound of each set."""
        return cls(
            tuple(sorted({*whole, *(bound for intervals in sets for pair in intervals for bound in pair)}))
        )

    @property
    def width(self) -> int:
        """How many pieces there are."""
        return len(self.cuts) - 1

    def mask(self, intervals: Iterable[Interval]) -> int:
        """Give the pieces that a set holds; its bounds are among the cuts."""
        mask = 0
        for first, end in intervals:
            mask |= (1 << bisect_left(self.cuts, end)) - (1 << bisect_left(self.cuts, first))
        return mask

    def piece(self, number: int) -> int:
        """Give the piece that a number lies in; what holds for it holds for all of its piece."""
        return 1 << (bisect_right(self.cuts, number) - 1)


def is_covered(box: Box, others: Iterable[Box]) -> bool:
    """Say whether the union of other boxes holds all of one."""
    pieces = [box]
    for other in others:
        pieces = [rest for piece in pieces for rest in _without(piece, other)]
        if not pieces or len(pieces) > _MAX_PIECES:
            break
    return not pieces


def _without(box: Box, other: Box) -> list[Box]:
    """Cut one box out of another: at most one piece for each dimension is left."""
    if not all(mine & theirs for mine, theirs in zip(box, other, strict=True)):
        return [box]
    left = []
    inside = list(box)
    for index, theirs in enumerate(other):
        outside = inside[index] & ~theirs
        if outside:
            left.append((*inside[:index], outside, *inside[index + 1 :]))
        inside[index] &= theirs
    return left
