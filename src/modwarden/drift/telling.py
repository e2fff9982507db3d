"""What is said of differences: from where to where, by which loaded rule, and what decides in its place."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modwarden.drift.differences import Change
from modwarden.drift.expectation import Expected
from modwarden.drift.fates import Fates, Path, Step, rules_of
from modwarden.drift.ground import Ground
from modwarden.drift.groups import Group
from modwarden.drift.words import interfaces_in_words, joined, place_of, rule_in_words, whose
from modwarden.model import Confidence, Evidence, Finding, Origin, Severity
from modwarden.site.proof.space import DESTINATION, INWARD, OUTWARD, SERVICE, SOURCE, Box
from modwarden.site.proof.words import services_in_words
from modwarden.site.rulesets import Rule
from modwarden.site.rulesets.ir import NEW

_OPENED = ("lets it pass", "holds it back")
_MOST_TOLD = 4


@dataclass(slots=True)
class Teller:
    """Puts the differences of packets in one state into words."""

    ground: Ground
    model: Fates
    loaded: Fates
    expected: Expected
    _known: dict[int, set[tuple[object, ...]]] = field(default_factory=dict)

    def finding(self, group: Group) -> Finding:
        """Give the finding of one group."""
        doubts = sorted(_doubts(group))
        is_wide = bool(doubts) or any(one.is_cut_short for one in group.pieces)
        name = self.expected.name
        hint = f"load {name} again, or prove the site with what is loaded"
        if group.change is Change.OPENS:
            hint = f"take it out, or prove the site with it: put it into {name}"
        return Finding(
            f"drift-{group.change}",
            Severity.ERROR if group.change is Change.OPENS else Severity.WARNING,
            self._message(group, doubts),
            hint,
            self.expected.origin,
            Confidence.POSSIBLE if is_wide else Confidence.CERTAIN,
            tuple(self._evidence(group)),
        )

    def _message(self, group: Group, doubts: list[str]) -> str:
        services = services_in_words(self.ground.space, joined(box[SERVICE] for box in group.boxes))
        said = (
            f"{self.ground.asset.name}: {group.change} {services} {self._ends(group)}: {self._cause(group)}"
        )
        if NEW not in group.states:
            said += f" (packets that connection tracking calls {', '.join(group.states)})"
        return f"{said} (taken as wider than it is: {', '.join(doubts)})" if doubts else said

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
        return self._closed(group, group.opened_by, group.held_by)

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

    def _closed(self, group: Group, opened: Step | None, held: Step | None) -> str:
        name = self.expected.name
        said = f"by {rule_in_words(held)}" if held is not None else "some rule holds it back"
        if held is not None and held.rule is not None:
            return f"{said}{self._whether_known(held.rule)}"
        if opened is not None and opened.rule is not None and not self._knows(self.loaded, opened.rule):
            rest = len(group.instead) - 1
            more = f" and {rest} more of {name} are" if rest > 0 else f" of {name} is"
            return f"{said}: {rule_in_words(opened)}{more} not loaded"
        return said

    def _whether_known(self, rule: Rule | None) -> str:
        if rule is None or self._knows(self.model, rule):
            return ""
        return f", not in {self.expected.name}"

    def _knows(self, side: Fates, rule: Rule) -> bool:
        if id(side) not in self._known:
            self._known[id(side)] = {self._shape(one) for _, _, one in rules_of(side.rulesets)}
        return self._shape(rule) in self._known[id(side)]

    def _shape(self, rule: Rule) -> tuple[object, ...]:
        return shape_of(rule, self.model.boxes.get(id(rule)) or self.loaded.boxes.get(id(rule)) or ())

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


def shape_of(rule: Rule, boxes: tuple[Box, ...]) -> tuple[object, ...]:
    """Name what a rule does, whatever its words."""
    return frozenset(boxes), rule.action, rule.target, rule.translation


def _doubts(group: Group) -> set[str]:
    steps = (group.opened_by, group.held_by)
    return {doubt for step in steps if step is not None and step.rule for doubt in step.rule.uncertain}


def _origin(step: Step) -> Origin:
    return step.rule.origin if step.rule is not None else step.chain.origin
