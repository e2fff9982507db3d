"""Differences gathered by what makes them: a loaded rule, a policy, or a chain that is not there."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from modwarden.drift.differences import Change, Difference, differences
from modwarden.drift.fates import Fates, Path, Step
from modwarden.drift.tracing import held_back
from modwarden.site.proof.space import Box

_MOST_BOXES_TRACED = 64
# Of one policy or one chain that is gone; beyond it they are told in one.
_MOST_OF_ONE_CAUSE = 8
Key: TypeAlias = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """Differences that one rule makes, or one policy against what decides in its place."""

    change: Change
    path: Path
    opened_by: Step | None
    held_by: Step | None
    states: list[str] = field(default_factory=list)
    instead: dict[Key, Step] = field(default_factory=dict)
    """What decides on the other side, wherever it is told apart."""
    pieces: list[Difference] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    @property
    def loaded(self) -> Step | None:
        """What decides as loaded."""
        return self.held_by if self.change is Change.CLOSES else self.opened_by

    @property
    def expected(self) -> Step | None:
        """What would decide in its place."""
        return self.opened_by if self.change is Change.CLOSES else self.held_by

    @property
    def key(self) -> Key:
        """Name what makes it; a loaded rule makes one finding, whatever it comes before."""
        loaded = self.loaded
        other = key_of(self.expected) if loaded is None or loaded.rule is None else ()
        return self.change, self.path, key_of(loaded), other

    @property
    def cause(self) -> Key:
        """Name what makes it and others like it."""
        loaded, other = self.loaded, self.expected
        if loaded is not None and loaded.rule is not None:
            return self.key
        chain = () if other is None else key_of(other)[:-1]
        return self.change, self.path, key_of(loaded), chain

    def also(self, other: "Group") -> None:
        """Take in the same for packets of another state; their boxes lie on other axes."""
        self.instead = {**other.instead, **self.instead}
        self.states += [state for state in other.states if state not in self.states]

    def note(self, other: "Group") -> None:
        """Take in another of the same cause: its packets, and what decides in its place."""
        if other.expected is not None:
            self.instead.setdefault(key_of(other.expected), other.expected)
        for key, step in other.instead.items():
            self.instead.setdefault(key, step)
        self.boxes += other.boxes
        self.pieces += other.pieces
        self.states += [state for state in other.states if state not in self.states]


def gather(model: Fates, loaded: Fates, state: str) -> dict[Key, Group]:
    """Gather the differences of packets in one state of connection tracking."""
    found: dict[Key, Group] = {}
    for path in Path:
        for number, one in enumerate(differences(model, loaded, path)):
            sides = model, loaded
            for box, passed, held in _decided(sides, one, is_traced=number < _MOST_BOXES_TRACED):
                fresh = Group(one.change, path, passed, held, [state], boxes=[box], pieces=[one])
                found.setdefault(fresh.key, Group(one.change, path, passed, held)).note(fresh)
    return _in_few(found)


def _in_few(found: dict[Key, Group]) -> dict[Key, Group]:
    """Tell as one what one policy does in the place of many rules."""
    counts = Counter(group.cause for group in found.values())
    few: dict[Key, Group] = {}
    for key, group in found.items():
        held = few.setdefault(group.cause if counts[group.cause] > _MOST_OF_ONE_CAUSE else key, group)
        if held is not group:
            held.note(group)
    return few


def _decided(
    sides: tuple[Fates, Fates], one: Difference, *, is_traced: bool
) -> Iterator[tuple[Box, Step | None, Step | None]]:
    """Part a difference by what lets it pass on one side and what holds it on the other."""
    if one.change is Change.REWRITES:
        writing = [step for step in one.piece.steps if step.rule is not None and step.chain.is_nat]
        yield one.box, writing[-1] if writing else None, None
        return
    side = sides[0] if one.change is Change.OPENS else sides[1]
    traced = held_back(side, one.path, one.box) if is_traced else []
    for part in traced:
        yield part.box, _passing(one.piece.steps, part.step), part.step
    if not traced:
        yield one.box, _passing(one.piece.steps, None), None


def _passing(steps: Iterable[Step], held: Step | None) -> Step | None:
    """Name the step that lets pass what is held back elsewhere: of its hook, at best of its chain."""
    steps = list(steps)
    if held is not None:
        steps = [step for step in steps if step.hook is held.hook]
        steps = [step for step in steps if step.chain.name == held.chain.name] or steps
    named = [step for step in steps if step.rule is not None]
    found = named or steps
    return found[-1] if found else None


def key_of(step: Step | None) -> tuple[object, ...]:
    """Name what decides, whichever state's copy it is of."""
    if step is None:
        return ()
    # Of one rule there is a copy for each state.
    rule = (step.rule.origin, step.rule.text) if step.rule is not None else ()
    return (step.hook, step.table.name, step.table.packets, step.chain.name, rule)
