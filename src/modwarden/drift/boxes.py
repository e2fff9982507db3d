"""Unions of boxes: what one has and another has not, exactly."""

from collections.abc import Iterable, Iterator, Sequence

from modwarden.site.proof.space import Box, meet, without

# Beyond it a difference is told as wider than it is; hand-written rule sets stay far below it.
MOST_BOXES = 20_000


def minus(box: Box, others: Iterable[Box]) -> tuple[list[Box], bool]:
    """Give what is left of a box, and whether something more should have been taken away."""
    left = [box]
    for other in others:
        if len(left) > MOST_BOXES:
            return left, True
        if meet(box, other) is None:
            continue
        left = [rest for one in left for rest in without(one, other)]
        if not left:
            break
    return left, False


def shared(box: Box, others: Sequence[Box]) -> Iterator[Box]:
    """Give what a box shares with a union; pieces do not overlap."""
    rest = [box]
    for other in others:
        yield from (both for one in rest if (both := meet(one, other)) is not None)
        rest = [left for one in rest for left in without(one, other)]
        if not rest:
            return
