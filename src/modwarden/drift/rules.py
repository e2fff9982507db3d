"""
Loaded rules against those of the model: each difference with what it opens or closes, and by which rule.

Kept true here: rules that differ in text and not in effect are no findings; of a rule that asks for what
packets do not show the packets are compared, and what it asks for by its own words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from modwarden.drift.expectation import Expected
from modwarden.drift.fates import Fates, Step, rules_of
from modwarden.drift.ground import Ground
from modwarden.drift.groups import Group, gather
from modwarden.drift.statements import Raw, statements_of
from modwarden.drift.states import OTHERS, for_state, tells_states_apart
from modwarden.drift.telling import Teller, shape_of
from modwarden.drift.words import place_of, rule_in_words
from modwarden.model import Address, Asset, Confidence, Evidence, Finding, Severity, Site
from modwarden.site.rulesets import Action, Chain, Hook, Rule, Ruleset, Table
from modwarden.site.rulesets.ir import NEW

_RATE = "a rate"
# What is followed packet by packet; of anything else it is only known whether both sides have it.
_FOLLOWED = frozenset({
    Action.ACCEPT, Action.DROP, Action.JUMP, Action.GOTO, Action.RETURN, Action.DNAT, Action.SNAT,
    Action.MASQUERADE, Action.REDIRECT,
})  # fmt: skip
# What should run, and what does.
Sides: TypeAlias = tuple[Expected, Sequence[Ruleset]]


def compare_rules(
    site: Site,
    asset: Asset,
    links: Mapping[str, tuple[Address, ...]],
    sides: Sides,
    raw: Raw | None = None,
) -> tuple[list[Finding], list[str]]:
    """
    Compare the rules that a host runs with those that it should run: findings, and what was compared in part.

    Raises:
        RulesetError: chains call each other in a circle, or one that is not there.
    """
    expected, loaded = sides
    raw = raw or {}
    if _is_alike(expected.rulesets, loaded, raw):
        return [], list(_remarks(loaded))
    first = _Compared(site, asset, links, sides, NEW)
    uncertain = list(first.uncertain(raw))
    groups: dict[tuple[object, ...], Group] = {}
    tellers: dict[tuple[object, ...], Teller] = {}
    for state in (NEW, *(OTHERS if tells_states_apart((expected.rulesets, loaded)) else ())):
        compared = first if state == NEW else _Compared(site, asset, links, sides, state)
        for key, group in gather(compared.model, compared.loaded, state).items():
            if key in groups:
                groups[key].also(group)
            else:
                groups[key], tellers[key] = group, compared.teller
    findings = [tellers[key].finding(group) for key, group in groups.items()]
    if first.model.is_cut_short or first.loaded.is_cut_short:
        return [*findings, *uncertain], ["too many boxes: some drops were left out of account"]
    return [*findings, *uncertain], list(_remarks(loaded))


class _Compared:
    """Both sides on one ground, as packets of one state meet them."""

    def __init__(
        self, site: Site, asset: Asset, links: Mapping[str, tuple[Address, ...]], sides: Sides, state: str
    ) -> None:
        ours, theirs = for_state(sides[0].rulesets, state), for_state(sides[1], state)
        self.expected = sides[0]
        self.ground = Ground(site, asset, links, (ours, theirs))
        self.model, self.loaded = Fates(self.ground, ours), Fates(self.ground, theirs)
        self.teller = Teller(self.ground, self.model, self.loaded, self.expected)

    def uncertain(self, raw: Raw) -> Iterator[Finding]:
        """Name rules that only one side has, and of which nobody can say what they let pass."""
        name = self.expected.name
        for side, other, words in (
            (self.loaded, self.model, f"is loaded and not in {name}"),
            (self.model, self.loaded, f"is in {name} and not loaded"),
        ):
            known = Counter(self._uncertain_shape(*one, raw) for one in _uncertain_of(other))
            for one in _uncertain_of(side):
                shape = self._uncertain_shape(*one, raw)
                known[shape] -= 1
                if known[shape] < 0:
                    yield self._cannot_compare(*one, words)

    def _uncertain_shape(self, table: Table, chain: Chain, rule: Rule, raw: Raw) -> tuple[object, ...]:
        boxes = self.model.boxes.get(id(rule)) or self.loaded.boxes.get(id(rule)) or ()
        said = statements_of(table, chain, rule, raw)
        return table.name, table.packets, chain.name, shape_of(rule, boxes), said

    def _cannot_compare(self, table: Table, chain: Chain, rule: Rule, words: str) -> Finding:
        step = rule_in_words(Step(chain.hook or Hook.FORWARD, table, chain, rule))
        message = f"{self.ground.asset.name}: {step} in {place_of(table, chain.name)} {words}"
        doubts = ", ".join(rule.uncertain or (_RATE,))
        hint = f"look yourself what it does: it asks for what packets do not show ({doubts})"
        where = self.expected.origin
        seen = (Evidence(rule.origin, rule.text),)
        return Finding("drift-uncertain", Severity.WARNING, message, hint, where, Confidence.POSSIBLE, seen)


def _is_alike(some: Sequence[Ruleset], others: Sequence[Ruleset], raw: Raw) -> bool:
    """Say whether rules are the same but for their words; most of the time they are."""
    return [_plain(one, raw) for one in some] == [_plain(one, raw) for one in others]


def _plain(ruleset: Ruleset, raw: Raw) -> object:
    return [
        (
            table.name,
            table.packets,
            {name: _plain_chain(table, one, raw) for name, one in table.chains.items()},
        )
        for table in ruleset.tables
    ]


def _plain_chain(table: Table, chain: Chain, raw: Raw) -> object:
    rules = [
        (
            *(rule.matches, rule.of_all_states, rule.action, rule.target, rule.translation, rule.uncertain),
            statements_of(table, chain, rule, raw) if _is_uncertain(rule) else (),
        )
        for rule in chain.rules
    ]
    return chain.hook, chain.priority, chain.accepts, chain.is_nat, rules


def _remarks(loaded: Sequence[Ruleset]) -> Iterator[str]:
    """Say what could be compared in part only."""
    shared = [rule for _, _, rule in rules_of(loaded) if rule.uncertain]
    if shared:
        doubts = ", ".join(sorted({doubt for rule in shared for doubt in rule.uncertain}))
        counted = "1 loaded rule is" if len(shared) == 1 else f"{len(shared)} loaded rules are"
        yield f"{counted} compared without what packets do not show: {doubts}"
    for ruleset in loaded:
        yield from (text for _, text in ruleset.remarks)


def _uncertain_of(side: Fates) -> Iterator[tuple[Table, Chain, Rule]]:
    # What only holds back what comes too fast does nothing to a path, and is still missed where it is gone.
    for table, chain, rule in rules_of(side.rulesets):
        if _is_uncertain(rule):
            yield table, chain, rule


def _is_uncertain(rule: Rule) -> bool:
    return bool(rule.uncertain) or rule.action not in _FOLLOWED
