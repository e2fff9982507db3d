"""
Two rule sets held against each other packet by packet: what one lets pass, or writes, and the other does not.

Kept true here:
* a packet lies in a difference exactly when its fate differs, as far as both rule sets are understood;
* a translation that writes what is there already is none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from modwarden.drift.boxes import minus, shared
from modwarden.drift.fates import KEPT, Fates, Path, Piece
from modwarden.site.proof.space import Box, Space, lowest

# Source, destination and service; a source port that NAT writes is anybody's.
Sent: TypeAlias = tuple[int, int, int]
_SAME: Sent = (0, 0, 0)
# More alternatives of one translation than this are compared as one.
_MOST_ALTERNATIVES = 64


class Change(StrEnum):
    """What a difference does."""

    OPENS = "opens"
    CLOSES = "closes"
    REWRITES = "rewrites"


@dataclass(frozen=True, slots=True)
class Difference:
    """Packets as they come whose fate differs; `piece` is theirs under the rule set that lets them pass."""

    change: Change
    path: Path
    box: Box
    piece: Piece
    is_cut_short: bool = False


def differences(model: Fates, loaded: Fates, path: Path) -> list[Difference]:
    """Give every difference on one path, `loaded` seen from `model`."""
    theirs, ours = loaded.on(path), model.on(path)
    return [
        *_only(Change.OPENS, path, theirs, ours),
        *_only(Change.CLOSES, path, ours, theirs),
        *_rewritten(model.ground.space, path, theirs, ours),
    ]


def _only(change: Change, path: Path, some: Iterable[Piece], others: Iterable[Piece]) -> Iterator[Difference]:
    against = list(dict.fromkeys(piece.came for piece in others))
    known = set(against)
    found: list[Box] = []
    for piece in some:
        if piece.came in known:
            continue
        left, is_short = minus(piece.came, against)
        for box in left:
            # The first piece that holds a packet names the rule that decides.
            fresh, _ = minus(box, found)
            yield from (Difference(change, path, one, piece, is_short) for one in fresh)
            found += fresh


def _rewritten(space: Space, path: Path, loaded: list[Piece], model: list[Piece]) -> Iterator[Difference]:
    if all(piece.written[:3] == _SAME for piece in (*loaded, *model)):
        return
    both = [box for piece in loaded for box in shared(piece.came, [one.came for one in model])]
    sent, meant = _by_sent(space, loaded), _by_sent(space, model)
    found: list[Box] = []
    for some, others in ((sent, meant), (meant, sent)):
        for key, pieces in some.items():
            against = [piece.came for piece in others.get(key, ())]
            for piece in pieces:
                left, is_short = minus(piece.came, against)
                for box in (one for rest in left for one in shared(rest, both)):
                    fresh, _ = minus(box, found)
                    yield from (Difference(Change.REWRITES, path, one, piece, is_short) for one in fresh)
                    found += fresh


def _by_sent(space: Space, pieces: Iterable[Piece]) -> dict[Sent, list[Piece]]:
    found: dict[Sent, list[Piece]] = {}
    for piece in pieces:
        for one in _alternatives(space, piece, 0):
            found.setdefault((one.written[0], one.written[1], one.written[2]), []).append(one)
    return found


def _alternatives(space: Space, piece: Piece, index: int) -> Iterator[Piece]:
    """Part a piece by each single thing that is written, and by whether that was there before."""
    if index == len(_SAME):
        yield replace(piece, written=(*piece.written[:3], KEPT[3]))
        return
    mask = piece.written[index]
    if mask.bit_count() > _MOST_ALTERNATIVES:
        yield from _alternatives(space, piece, index + 1)
        return
    while True:
        bit = mask & -mask
        for one in _against_what_was(space, piece, index, bit):
            yield from _alternatives(space, one, index + 1)
        mask &= ~bit
        if not mask:
            return


def _against_what_was(space: Space, piece: Piece, index: int, bit: int) -> Iterator[Piece]:
    if not bit:
        yield piece
        return
    axis = space.services if index == 2 else space.addresses
    number = lowest(bit)
    is_single = axis.cuts[number + 1] - axis.cuts[number] == 1
    here, rest = piece.came[index] & bit, piece.came[index] & ~bit
    if is_single and here:
        yield _set(piece, index, here, 0)
    if rest or not is_single:
        yield _set(piece, index, rest if is_single else piece.came[index], bit)


def _set(piece: Piece, index: int, came: int, written: int) -> Piece:
    box, sent = list(piece.came), list(piece.written)
    box[index], sent[index] = came, written
    return replace(
        piece,
        came=(box[0], box[1], box[2], box[3], box[4], box[5]),
        written=(sent[0], sent[1], sent[2], sent[3]),
    )
