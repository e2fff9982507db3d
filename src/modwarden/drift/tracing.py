"""Who holds packets back: the rule, or the policy, that decides against those of a piece, chain by chain."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from modwarden.drift.fates import Fates, Path, Piece, Step, hooks_of
from modwarden.site.proof.chains import Outcome
from modwarden.site.proof.space import Box, meet, without
from modwarden.site.rulesets import Action, Chain, Hook, Rule, Table

# One difference is rarely held back by more rules; those beyond are told as the last one's.
_MOST_PARTS = 256
_NAT = (Action.DNAT, Action.SNAT, Action.MASQUERADE, Action.REDIRECT)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Packets as they came, and where they end; None where they pass after all."""

    box: Box
    step: Step | None


def held_back(fates: Fates, path: Path, box: Box) -> list[HeldBack]:
    """Part packets by what holds them back."""
    pieces = [held for piece in fates.start(path) if (held := piece.narrowed(box)) is not None]
    found: list[HeldBack] = []
    for hook in hooks_of(path):
        if hook in (Hook.FORWARD, Hook.INPUT):
            pieces = list(fates.routed(pieces, path))
        for chain, table in fates.based(hook):
            pieces = [
                passed for piece in pieces for passed in _through(fates, piece, (hook, chain, table), found)
            ]
    return [*found, *(HeldBack(piece.came, None) for piece in pieces)][:_MOST_PARTS]


def _through(
    fates: Fates, piece: Piece, at: tuple[Hook, Chain, Table], found: list[HeldBack]
) -> Iterator[Piece]:
    hook, chain, table = at
    seen, unseen = fates.families(table)
    yield from (held for box in unseen if (held := piece.narrowed(box)) is not None)
    for box in seen:
        inside = piece.narrowed(box)
        if inside is None:
            continue
        for part, rule in _decided(fates, table, chain, [inside.now]):
            here = inside.narrowed(part)
            assert here is not None
            accepts = chain.accepts if rule is None else rule.action is not Action.DROP
            if not accepts:
                found.append(HeldBack(here.came, Step(hook, table, chain, rule)))
            elif rule is not None and rule.action in _NAT:
                yield from fates.translated(here, Outcome(part, rule, rule.action, rule.translation))
            else:
                yield replace(here)


def _decided(
    fates: Fates, table: Table, chain: Chain, pending: list[Box]
) -> Iterator[tuple[Box, Rule | None]]:
    """Give each part with the rule that ends its way through a chain; None where it comes to its end."""
    for rule in chain.rules:
        ahead: list[Box] = []
        for box in pending:
            inside, outside = _parted(fates, rule, box)
            ahead += outside
            for part, decided, goes_on in _acted(fates, table, rule, inside):
                if goes_on:
                    ahead.append(part)
                else:
                    yield part, decided
        pending = ahead
        if not pending:
            return
    yield from ((box, None) for box in pending)


def _parted(fates: Fates, rule: Rule, box: Box) -> tuple[list[Box], list[Box]]:
    """Part a box by whether a rule matches; one that only may hold something back does not."""
    inside: list[Box] = []
    outside = [box]
    if rule.uncertain and rule.action not in (Action.ACCEPT, *_NAT):
        return inside, outside
    for match in fates.boxes[id(rule)]:
        inside += [both for one in outside if (both := meet(one, match)) is not None]
        outside = [left for one in outside for left in without(one, match)]
    return inside, outside


def _acted(
    fates: Fates, table: Table, rule: Rule, inside: list[Box]
) -> Iterator[tuple[Box, Rule | None, bool]]:
    """Say of each part whether it goes on to the next rule, or what ends its way."""
    if not inside:
        return
    if rule.action in (Action.JUMP, Action.GOTO):
        for part, decided in _decided(fates, table, table.chains[rule.target or ""], inside):
            yield part, decided, decided is None and rule.action is Action.JUMP
        return
    ends = None if rule.action is Action.RETURN else rule
    yield from ((one, ends, rule.action is Action.CONTINUE) for one in inside)
