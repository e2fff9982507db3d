"""A rule of nftables while it is read: what it matches so far, what is doubtful, and how it ends."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modwarden.model import Origin
from modwarden.site.rulesets._nft_values import (
    NamedSets,
    UnknownWordError,
    address_intervals,
    as_list,
    match_of,
    port_intervals,
)
from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.ir import ANY, NEW, Action, Match, Rule, Translation
from modwarden.site.rulesets.sets import V4, V6_SET, IntervalSet

_VERDICTS = {
    "accept": Action.ACCEPT,
    "drop": Action.DROP,
    "reject": Action.DROP,
    "continue": Action.CONTINUE,
    "return": Action.RETURN,
    "queue": Action.ACCEPT,
}


def verdict_of(kind: str, body: Any) -> tuple[Action, str | None] | None:
    """Give the action of a verdict; None where the statement is none."""
    if kind in ("jump", "goto"):
        return Action(kind), str(body["target"])
    return (_VERDICTS[kind], None) if kind in _VERDICTS else None


@dataclass(slots=True)
class RuleDraft:
    """What is known of a rule so far."""

    origin: Origin
    text: str
    matches: tuple[Match, ...] = (ANY,)
    doubts: list[str] = field(default_factory=list)
    is_taken: bool = False
    """A socket of this host takes the packet, if there is one; the rest of the rule is for that case."""

    def narrow(self, alternatives: tuple[Match, ...]) -> None:
        """Hold packets against a further condition."""
        both = (one.and_also(other) for one in self.matches for other in alternatives)
        self.matches = tuple(match for match in both if not _is_empty(match))

    def doubt(self, reason: str) -> None:
        """Note what the rule asks for and the proof cannot know."""
        self.doubts.append(reason)

    def branch(self, doubts: Iterable[str] = ()) -> "RuleDraft":
        """Copy it, for one element of a map or for what it does on its way."""
        return RuleDraft(self.origin, self.text, self.matches, [*self.doubts, *doubts], self.is_taken)

    def rule(self, action: Action, target: str | None = None, translation: Translation | None = None) -> Rule:
        """End the rule."""
        doubts = tuple(dict.fromkeys(self.doubts))
        begun = tuple(match for match in self.matches if NEW in match.states)
        if self.is_taken and action is not Action.DROP:
            action, target = Action.TPROXY, None
        return Rule(begun, action, self.origin, self.text, target, translation, doubts, self.matches)


def _is_empty(match: Match) -> bool:
    return not match.states or any(
        s.is_empty for s in (match.source, match.destination, match.service, match.source_port)
    )


@dataclass(frozen=True, slots=True)
class NatReader:
    """Reads what a NAT statement writes."""

    sets: NamedSets

    def rules(self, draft: RuleDraft, action: Action, body: Any) -> Iterator[Rule]:
        """
        Give the rule, or one for each element of the map that says where to.

        Raises:
            RulesetError: what it writes cannot be told.
        """
        words: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        try:
            for rule in self._rules(draft, action, words):
                yield _of_its_family(rule)
        except UnknownWordError as error:
            hint = "write the addresses and ports into the rule"
            raise RulesetError(draft.origin, f"{action}: {error}", hint) from error

    def _rules(self, draft: RuleDraft, action: Action, words: Mapping[str, Any]) -> Iterator[Rule]:
        address, port = words.get("addr"), words.get("port")
        if isinstance(address, Mapping) and "map" in address:
            yield from self._by_map(draft, action, address["map"], port)
            return
        yield draft.rule(action, translation=_translation(address, port))

    def _by_map(self, draft: RuleDraft, action: Action, body: Mapping[str, Any], port: Any) -> Iterator[Rule]:
        for key, value in self.sets.atoms(body["data"]):
            branch = draft.branch()
            try:
                branch.narrow(match_of(body["key"], [key], "=="))
            except UnknownWordError as error:
                branch.doubt(str(error))
            pair = value["concat"] if isinstance(value, Mapping) and "concat" in value else [value, port]
            yield branch.rule(action, translation=_translation(*pair))


def _of_its_family(rule: Rule) -> Rule:
    """Hold a translation to packets of the IP version that it writes; nft asks for that without saying so."""
    held = rule.translation.addresses if rule.translation is not None else None
    if held is None:
        return rule
    family = V4 if (held & V6_SET).is_empty else V6_SET
    return replace(
        rule, matches=_held_to(family, rule.matches), of_all_states=_held_to(family, rule.of_all_states)
    )


def _held_to(family: IntervalSet, matches: tuple[Match, ...]) -> tuple[Match, ...]:
    both = (match.and_also(Match(family, family)) for match in matches)
    return tuple(match for match in both if not _is_empty(match))


def _translation(address: Any, port: Any) -> Translation:
    addresses = ports = None
    if address is not None:
        addresses = IntervalSet.of(pair for item in as_list(address) for pair in address_intervals(item))
    if port is not None:
        ports = IntervalSet.of(pair for item in as_list(port) for pair in port_intervals(item))
    return Translation(addresses, ports)
