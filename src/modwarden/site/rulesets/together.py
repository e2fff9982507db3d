"""
Rule sets of one host read together: what a rule of one table does to packets that rules of all others meet.

Kept true here:
* where packets are taken out of connection tracking, the first of a connection may be `untracked`, and passes
  no NAT; where a helper is assigned, the first packet of what it expects is `related`;
* a rule that asks for some of these states alone may open and never closes.
"""

from collections.abc import Iterable
from dataclasses import replace

from modwarden.site.rulesets.ir import NEW, Action, Chain, Rule, Ruleset, Table

# Doubts of the rules that do it, and the state that a first packet may have by them.
NOTRACK = "notrack"
HELPER = "ct helper"
_BEGINS = {NOTRACK: "untracked", HELPER: "related"}


def read_together(rulesets: Iterable[Ruleset]) -> tuple[Ruleset, ...]:
    """Widen the rules of all tables by what some rule of any of them does to connection tracking."""
    held = tuple(rulesets)
    doubts = {
        doubt for one in held for table in one.tables for rule in _rules(table) for doubt in rule.uncertain
    }
    used = [word for word in _BEGINS if word in doubts]
    if not used:
        return held
    wider = _Wider(frozenset({NEW, *(_BEGINS[word] for word in used)}), " and ".join(used))
    return tuple(replace(one, tables=tuple(map(wider.table, one.tables))) for one in held)


def _rules(table: Table) -> Iterable[Rule]:
    return (rule for chain in table.chains.values() for rule in chain.rules)


class _Wider:
    """Rules as first packets of several states meet them."""

    def __init__(self, first: frozenset[str], used: str) -> None:
        self.first = first
        self.used = used

    def table(self, table: Table) -> Table:
        return replace(table, chains={name: self._chain(one) for name, one in table.chains.items()})

    def _chain(self, chain: Chain) -> Chain:
        if not chain.is_nat:
            return replace(chain, rules=tuple(map(self._rule, chain.rules)))
        doubt = f"NAT, where `{self.used}` is in use"
        rules = tuple(_doubted(rule, doubt) for rule in chain.rules)
        # What is not tracked passes it by, whatever its policy says.
        return replace(chain, rules=rules, accepts=True)

    def _rule(self, rule: Rule) -> Rule:
        begun = tuple(match for match in rule.of_all_states if match.states & self.first)
        wider = replace(rule, matches=begun)
        if rule.action is Action.CONTINUE or all(self.first <= match.states for match in begun):
            return wider
        return _doubted(wider, f"ct state, where `{self.used}` is in use")


def _doubted(rule: Rule, doubt: str) -> Rule:
    return replace(rule, uncertain=tuple(dict.fromkeys([*rule.uncertain, doubt])))
