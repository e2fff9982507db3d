"""
What becomes of packets under a rule set: which pass a host, and what is written into them on their way.

Theory: a packet goes one of three paths,

    forward   prerouting, forward, postrouting      for what is not the host's own
    input     prerouting, input                     for what is, also after translation
    output    output, postrouting                   from the host itself

and its fate there is that it is held back, or the set of what it may leave as. Fates are kept as pieces: the
packets as they came, and what of them was written anew.

Kept true here: packets of one piece that keep a dimension keep it each for itself, so that a filter behind a
translation narrows the packets that came by what it leaves of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from modwarden.drift.ground import Ground
from modwarden.site.proof.chains import ChainReader, Outcome
from modwarden.site.proof.space import DESTINATION, OUTWARD, SOURCE, Box, meet
from modwarden.site.rulesets import Action, Chain, Hook, Rule, Ruleset, Table, Translation
from modwarden.site.rulesets._names import WITH_PORTS
from modwarden.site.rulesets.sets import ALL, service

# Source, destination, service, source port as written; 0 where they are kept.
Written: TypeAlias = tuple[int, int, int, int]
KEPT: Written = (0, 0, 0, 0)


class Path(StrEnum):
    """One of the three paths."""

    FORWARD = "forward"
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Step:
    """A chain on a path; `rule` decided there, or the policy where it is None."""

    hook: Hook
    table: Table
    chain: Chain
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Packets as they came, what was written into them, and what let them pass so far."""

    came: Box
    written: Written = KEPT
    steps: tuple[Step, ...] = ()

    @property
    def now(self) -> Box:
        """The packets as they are by now."""
        came, written = self.came, self.written
        return (
            written[0] or came[0],
            written[1] or came[1],
            written[2] or came[2],
            written[3] or came[3],
            came[4],
            came[5],
        )

    def narrowed(self, box: Box) -> "Piece | None":
        """Keep what of it lies in a box now."""
        both = meet(self.now, box)
        if both is None:
            return None
        came, written = list(self.came), list(self.written)
        for index in range(4):
            if written[index]:
                written[index] = both[index]
            else:
                came[index] = both[index]
        return replace(
            self,
            came=(came[0], came[1], came[2], came[3], both[4], both[5]),
            written=(written[0], written[1], written[2], written[3]),
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One base chain as its outcomes."""

    hook: Hook
    table: Table
    chain: Chain
    outcomes: tuple[Outcome, ...]


@dataclass(slots=True)
class Fates:
    """The rule sets of one side, as what becomes of packets."""

    ground: Ground
    rulesets: Sequence[Ruleset]
    stages: dict[Hook, list[Stage]] = field(default_factory=dict)
    boxes: dict[int, tuple[Box, ...]] = field(default_factory=dict)
    """Of every rule, by its identity."""
    is_cut_short: bool = False

    def __post_init__(self) -> None:
        self.boxes = {id(rule): self.ground.boxes(rule) for _, _, rule in rules_of(self.rulesets)}
        self.stages = {hook: [self._stage(hook, *one) for one in self.based(hook)] for hook in Hook}

    def based(self, hook: Hook) -> list[tuple[Chain, Table]]:
        """List the base chains of a hook in the order in which packets pass them."""
        found = [
            (chain, table)
            for ruleset in self.rulesets
            for table in ruleset.tables
            for chain in table.chains.values()
            if chain.hook is hook and (chain.rules or not chain.accepts)
        ]
        return sorted(found, key=lambda pair: pair[0].priority)

    def on(self, path: Path) -> list[Piece]:
        """Give what passes on a path."""
        pieces = self.start(path)
        for hook in hooks_of(path):
            if hook in (Hook.FORWARD, Hook.INPUT):
                pieces = list(self.routed(pieces, path))
            for stage in self.stages[hook]:
                pieces = [passed for piece in pieces for passed in self._through(piece, stage)]
        return pieces

    def start(self, path: Path) -> list[Piece]:
        """Give all packets that may begin a path."""
        if path is not Path.OUTPUT:
            return [Piece(box) for box in self.ground.everything()]
        own = self.ground.local if self.ground.own else self.ground.space.everything[SOURCE]
        none = self.ground.no_interface
        begun = ((box[0] & own, *box[1:4], none, box[5]) for box in self.ground.everything())
        return [Piece(box) for box in begun if box[SOURCE]]

    def routed(self, pieces: Iterable[Piece], path: Path) -> Iterator[Piece]:
        """Part what is the host's own from what goes on; a host without known addresses may have any."""
        whole = self.ground.space.everything
        local = self.ground.local if self.ground.own else whole[DESTINATION]
        every = self.ground.all_interfaces
        to, out = (whole[DESTINATION] & ~self.ground.local, every)
        if path is Path.INPUT:
            to, out = local, self.ground.no_interface
        box = (whole[0], to, whole[2], whole[3], every, out)
        yield from (held for piece in pieces if (held := piece.narrowed(box)) is not None)

    def translated(self, piece: Piece, outcome: Outcome) -> Iterator[Piece]:
        """Write into packets what a rule writes; each alternative is a piece of its own."""
        if outcome.action is Action.MASQUERADE:
            yield from self._masqueraded(piece)
        elif outcome.translation is None and outcome.action is not Action.REDIRECT:
            yield piece
        elif outcome.action is Action.SNAT:
            yield self._with_source(piece, outcome.translation)
        else:
            yield from self._with_destination(piece, outcome)

    def _masqueraded(self, piece: Piece) -> Iterator[Piece]:
        came = piece.came
        for number, name in enumerate((*self.ground.interfaces, "")):
            if came[OUTWARD] >> number & 1:
                source = self.ground.behind.get(name, 0) or self.ground.own or piece.now[SOURCE]
                # It keeps the IP version of what it takes the place of.
                source = source & self._family(piece.now[SOURCE]) or source
                yield replace(
                    piece,
                    came=(*came[:5], 1 << number),
                    written=(source, *piece.written[1:3], self._any_port()),
                )

    def _with_source(self, piece: Piece, written: Translation | None) -> Piece:
        assert written is not None
        source = piece.written[SOURCE]
        if written.addresses is not None:
            source = self.ground.space.address_mask(written.addresses)
        return replace(piece, written=(source, *piece.written[1:3], self._any_port()))

    def _with_destination(self, piece: Piece, outcome: Outcome) -> Iterator[Piece]:
        space, written = self.ground.space, outcome.translation
        destination = piece.written[DESTINATION]
        if outcome.action is Action.REDIRECT:
            own = self.ground.own & self._family(piece.now[SOURCE])
            destination = own or piece.now[DESTINATION]
        elif written is not None and written.addresses is not None:
            destination = space.address_mask(written.addresses)
        to = replace(piece, written=(piece.written[0], destination, *piece.written[2:]))
        if written is None or written.ports is None:
            yield to
            return
        whole = (*space.everything, self.ground.all_interfaces, self.ground.all_interfaces)
        for protocol in WITH_PORTS:
            of = to.narrowed((*whole[:2], space.service_mask(service(protocol, ALL)), *whole[3:]))
            if of is not None:
                ports = space.service_mask(service(protocol, written.ports))
                yield replace(of, written=(*of.written[:2], ports, of.written[3]))

    def _any_port(self) -> int:
        return self.ground.space.everything[3]

    def _family(self, mask: int) -> int:
        v4, v6 = self.ground.space.families()
        return (v4 if mask & v4 else 0) | (v6 if mask & v6 else 0)

    def _through(self, piece: Piece, stage: Stage) -> Iterator[Piece]:
        for outcome in stage.outcomes:
            held = piece.narrowed(outcome.box)
            if held is not None:
                step = Step(stage.hook, stage.table, stage.chain, outcome.rule)
                yield from self.translated(replace(held, steps=(*held.steps, step)), outcome)

    def _stage(self, hook: Hook, chain: Chain, table: Table) -> Stage:
        reader = ChainReader(table, self.boxes)
        seen, unseen = self.families(table)
        outcomes = reader.outcomes(chain, seen)
        self.is_cut_short |= reader.is_cut_short
        return Stage(hook, table, chain, (*outcomes, *(Outcome(box) for box in unseen)))

    def families(self, table: Table) -> tuple[list[Box], list[Box]]:
        """Give the packets that a table sees, and those of the other IP version, which pass it by."""
        mask = self.ground.space.address_mask(table.packets)
        both = self.ground.everything()
        return [box for box in both if box[0] & mask], [box for box in both if not box[0] & mask]


def rules_of(rulesets: Iterable[Ruleset]) -> Iterator[tuple[Table, Chain, Rule]]:
    """List every rule with where it stands."""
    for ruleset in rulesets:
        for table in ruleset.tables:
            for chain in table.chains.values():
                yield from ((table, chain, rule) for rule in chain.rules)


def hooks_of(path: Path) -> tuple[Hook, ...]:
    """List the hooks of a path in their order."""
    return {
        Path.FORWARD: (Hook.PREROUTING, Hook.FORWARD, Hook.POSTROUTING),
        Path.INPUT: (Hook.PREROUTING, Hook.INPUT),
        Path.OUTPUT: (Hook.OUTPUT, Hook.POSTROUTING),
    }[path]
