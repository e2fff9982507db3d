"""
Loaded rules against those of the model: each difference with what it opens or closes, and by which rule.

Kept true here: rules that differ in text and not in effect are no findings; a rule that asks for what packets
do not show is compared as far as it is understood, and that is said.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from modwarden.drift.differences import Change, Difference, differences
from modwarden.drift.fates import Fates, Path, Step, rules_of
from modwarden.drift.ground import Ground
from modwarden.drift.states import OTHERS, for_state, tells_states_apart
from modwarden.drift.tracing import held_back
from modwarden.drift.words import interfaces_in_words, joined, place_of, rule_in_words, whose
from modwarden.model import Address, Asset, Confidence, Evidence, Finding, Origin, Severity, Site
from modwarden.site.proof.space import DESTINATION, INWARD, OUTWARD, SERVICE, SOURCE, Box
from modwarden.site.proof.words import services_in_words
from modwarden.site.rulesets import Action, Chain, Hook, Rule, Ruleset, Table
from modwarden.site.rulesets.ir import NEW

_MOST_BOXES_TRACED = 64
_RATE = "a rate"
_OPENED = ("lets it pass", "holds it back")
_MOST_TOLD = 4
_Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """The rules that a host should run, what they are called, and where the site file names them."""

    rulesets: tuple[Ruleset, ...]
    name: str
    origin: Origin


# What should run, and what does.
Sides: TypeAlias = tuple[Expected, Sequence[Ruleset]]


@dataclass(slots=True)
class Group:
    """Differences that one rule makes, or one policy against what decides in its place."""

    change: Change
    path: Path
    opened_by: Step | None
    held_by: Step | None
    states: list[str] = field(default_factory=list)
    instead: dict[_Key, Step] = field(default_factory=dict)
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
    def key(self) -> _Key:
        """Name what makes it; a loaded rule makes one finding, whatever it comes before."""
        loaded = self.loaded
        other = _key(self.expected) if loaded is None or loaded.rule is None else ()
        return self.change, self.path, _key(loaded), other

    def note(self, other: "Group") -> None:
        """Take in what decides in its place elsewhere, and for which packets."""
        if other.expected is not None:
            self.instead.setdefault(_key(other.expected), other.expected)
        self.states += [state for state in other.states if state not in self.states]


@dataclass(slots=True)
class RuleDrift:
    """Compares one host's rules."""

    ground: Ground
    model: Fates
    loaded: Fates
    expected: Expected
    state: str = NEW
    """Of connection tracking: which packets are compared."""

    def groups(self) -> dict[_Key, Group]:
        """Gather the differences by what makes them."""
        found: dict[_Key, Group] = {}
        for path in Path:
            for number, one in enumerate(differences(self.model, self.loaded, path)):
                for box, passed, held in self._decided(one, is_traced=number < _MOST_BOXES_TRACED):
                    fresh = Group(one.change, path, passed, held, [self.state])
                    group = found.setdefault(fresh.key, fresh)
                    group.note(fresh)
                    group.boxes.append(box)
                    group.pieces.append(one)
        return found

    def uncertain(self) -> Iterator[Finding]:
        """Name rules that only one side has, and of which nobody can say what they let pass."""
        name = self.expected.name
        for side, other, words in (
            (self.loaded, self.model, f"is loaded and not in {name}"),
            (self.model, self.loaded, f"is in {name} and not loaded"),
        ):
            known = Counter(self._uncertain_shape(*one) for one in _uncertain_of(other))
            for one in _uncertain_of(side):
                shape = self._uncertain_shape(*one)
                known[shape] -= 1
                if known[shape] < 0:
                    yield self._cannot_compare(*one, words)

    def _decided(self, one: Difference, *, is_traced: bool) -> Iterator[tuple[Box, Step | None, Step | None]]:
        """Part a difference by what lets it pass on one side and what holds it on the other."""
        if one.change is Change.REWRITES:
            writing = [step for step in one.piece.steps if step.rule is not None and step.chain.is_nat]
            yield one.box, writing[-1] if writing else None, None
            return
        side = self.model if one.change is Change.OPENS else self.loaded
        traced = held_back(side, one.path, one.box) if is_traced else []
        for part in traced:
            yield part.box, _passing(one.piece.steps, part.step), part.step
        if not traced:
            yield one.box, _passing(one.piece.steps, None), None

    def finding(self, group: Group) -> Finding:
        name = f"drift-{group.change}"
        severity = Severity.ERROR if group.change is Change.OPENS else Severity.WARNING
        asset, expected = self.ground.asset, self.expected
        services = services_in_words(self.ground.space, joined(box[SERVICE] for box in group.boxes))
        message = f"{asset.name}: {group.change} {services} {self._ends(group)}: {self._cause(group)}"
        hints = {
            Change.OPENS: f"take it out, or prove the site with it: put it into {expected.name}",
            Change.CLOSES: f"load {expected.name} again, or prove the site with what is loaded",
            Change.REWRITES: f"load {expected.name} again, or prove the site with what is loaded",
        }
        doubts = {
            doubt
            for step in (group.opened_by, group.held_by)
            if step and step.rule
            for doubt in step.rule.uncertain
        }
        is_wide = bool(doubts) or any(one.is_cut_short for one in group.pieces)
        if NEW not in group.states:
            message += f" (packets that connection tracking calls {', '.join(group.states)})"
        if doubts:
            message += f" (taken as wider than it is: {', '.join(sorted(doubts))})"
        return Finding(
            name,
            severity,
            message,
            hints[group.change],
            expected.origin,
            Confidence.POSSIBLE if is_wide else Confidence.CERTAIN,
            tuple(self._evidence(group)),
        )

    def _ends(self, group: Group) -> str:
        sources = joined(box[SOURCE] for box in group.boxes)
        destinations = joined(box[DESTINATION] for box in group.boxes)
        by = interfaces_in_words(
            self.ground,
            joined(box[INWARD] for box in group.boxes),
            joined(box[OUTWARD] for box in group.boxes),
        )
        if group.path is Path.INPUT and not destinations & ~self.ground.local:
            return f"from {whose(self.ground, sources)} to itself{by}"
        if group.path is Path.OUTPUT:
            return f"from itself to {whose(self.ground, destinations)}{by}"
        return f"from {whose(self.ground, sources)} to {whose(self.ground, destinations)}{by}"

    def _cause(self, group: Group) -> str:
        if group.change is Change.REWRITES:
            step = group.opened_by
            if step is None:
                return f"no rule writes into it what {self.expected.name} says"
            return f"by {rule_in_words(step)}{self._whether_known(step.rule)}"
        if group.change is Change.OPENS:
            return self._opened(group.opened_by, group.held_by)
        return self._closed(group.opened_by, group.held_by)

    def _opened(self, opened: Step | None, held: Step | None) -> str:
        name = self.expected.name
        if held is not None and not self._is_based(self.loaded, held):
            return f"{place_of(held.table, held.chain.name)}, by which {name} holds it back, is not loaded"
        if opened is None:
            return "no rule holds it back"
        said = f"by {rule_in_words(opened)}{self._whether_known(opened.rule)}"
        if held is None or (opened.rule is not None and not self._knows(self.model, opened.rule)):
            return said
        return f"{said}, where {name} holds it back by {rule_in_words(held)}"

    def _closed(self, opened: Step | None, held: Step | None) -> str:
        name = self.expected.name
        said = f"by {rule_in_words(held)}" if held is not None else "some rule holds it back"
        if held is not None and held.rule is not None:
            return f"{said}{self._whether_known(held.rule)}"
        if opened is not None and opened.rule is not None and not self._knows(self.loaded, opened.rule):
            return f"{said}: {rule_in_words(opened)} of {name} is not loaded"
        return said

    def _whether_known(self, rule: Rule | None) -> str:
        if rule is None or self._knows(self.model, rule):
            return ""
        return f", not in {self.expected.name}"

    def _knows(self, side: Fates, rule: Rule) -> bool:
        wanted = self._shape(rule)
        return any(self._shape(one) == wanted for _, _, one in rules_of(side.rulesets))

    def _shape(self, rule: Rule) -> tuple[object, ...]:
        boxes = frozenset(self.model.boxes.get(id(rule)) or self.loaded.boxes.get(id(rule)) or ())
        return boxes, rule.action, rule.target, rule.translation

    def _is_based(self, side: Fates, step: Step) -> bool:
        return any(
            (table.name, table.packets, chain.name) == (step.table.name, step.table.packets, step.chain.name)
            for chain, table in side.based(step.hook)
        )

    def _evidence(self, group: Group) -> Iterator[Evidence]:
        verbs = ("holds it back", "lets it pass") if group.change is Change.CLOSES else _OPENED
        if group.loaded is not None:
            yield Evidence(_origin(group.loaded), f"loaded: {rule_in_words(group.loaded)} {verbs[0]}")
        for step in list(group.instead.values())[:_MOST_TOLD]:
            yield Evidence(_origin(step), f"{self.expected.name}: {rule_in_words(step)} {verbs[1]}")

    def _uncertain_shape(self, table: Table, chain: Chain, rule: Rule) -> tuple[object, ...]:
        return table.name, table.packets, chain.name, self._shape(rule)

    def _cannot_compare(self, table: Table, chain: Chain, rule: Rule, words: str) -> Finding:
        step = rule_in_words(Step(chain.hook or Hook.FORWARD, table, chain, rule))
        message = f"{self.ground.asset.name}: {step} in {place_of(table, chain.name)} {words}"
        doubts = ", ".join(rule.uncertain or (_RATE,))
        hint = f"look yourself what it does: it asks for what packets do not show ({doubts})"
        where = self.expected.origin
        seen = (Evidence(rule.origin, rule.text),)
        return Finding("drift-uncertain", Severity.WARNING, message, hint, where, Confidence.POSSIBLE, seen)

    def remarks(self) -> Iterator[str]:
        """Say what could be compared in part only."""
        shared = [rule for _, _, rule in rules_of(self.loaded.rulesets) if rule.uncertain]
        if shared:
            doubts = sorted({doubt for rule in shared for doubt in rule.uncertain})
            said = f"{len(shared)} loaded rules are compared without what packets do not show"
            yield f"{said}: {', '.join(doubts)}"
        if self.model.is_cut_short or self.loaded.is_cut_short:
            yield "too many boxes: some drops were left out of account"
        for side in (self.model, self.loaded):
            for ruleset in side.rulesets:
                yield from (text for _, text in ruleset.remarks)


def compare_rules(
    site: Site, asset: Asset, links: Mapping[str, tuple[Address, ...]], sides: Sides
) -> tuple[list[Finding], list[str]]:
    """
    Compare the rules that a host runs with those that it should run: findings, and what was compared in part.

    Raises:
        RulesetError: chains call each other in a circle, or one that is not there.
    """
    expected, loaded = sides
    first = _drift(site, asset, links, sides, NEW)
    groups = first.groups()
    makers = dict.fromkeys(groups, first)
    for state in OTHERS if tells_states_apart((expected.rulesets, loaded)) else ():
        drift = _drift(site, asset, links, sides, state)
        for key, group in drift.groups().items():
            if key in groups:
                groups[key].note(group)
            else:
                groups[key], makers[key] = group, drift
    findings = [makers[key].finding(group) for key, group in groups.items()]
    return [*findings, *first.uncertain()], list(first.remarks())


def _drift(
    site: Site, asset: Asset, links: Mapping[str, tuple[Address, ...]], sides: Sides, state: str
) -> RuleDrift:
    ours, theirs = for_state(sides[0].rulesets, state), for_state(sides[1], state)
    ground = Ground(site, asset, links, (ours, theirs))
    return RuleDrift(ground, Fates(ground, ours), Fates(ground, theirs), sides[0], state)


def _uncertain_of(side: Fates) -> Iterator[tuple[Table, Chain, Rule]]:
    # What only holds back what comes too fast does nothing to a path, and is still missed where it is gone.
    held = ((*one, one[2].uncertain or one[2].action is Action.CONTINUE) for one in rules_of(side.rulesets))
    yield from ((table, chain, rule) for table, chain, rule, is_doubtful in held if is_doubtful)


def _passing(steps: Iterable[Step], held: Step | None) -> Step | None:
    """Name the step that lets pass what is held back elsewhere: of its hook, at best of its chain."""
    steps = list(steps)
    if held is not None:
        steps = [step for step in steps if step.hook is held.hook]
        steps = [step for step in steps if step.chain.name == held.chain.name] or steps
    named = [step for step in steps if step.rule is not None]
    found = named or steps
    return found[-1] if found else None


def _key(step: Step | None) -> tuple[object, ...]:
    if step is None:
        return ()
    # Of one rule there is a copy for each state.
    rule = (step.rule.origin, step.rule.text) if step.rule is not None else ()
    return (step.hook, step.table.name, step.table.packets, step.chain.name, rule)


def _origin(step: Step) -> Origin:
    return step.rule.origin if step.rule is not None else step.chain.origin
