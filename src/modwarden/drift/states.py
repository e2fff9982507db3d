"""
Rule sets as packets of one state of connection tracking meet them: first ones, replies, and others.

Kept true here: packets that begin no connection pass no NAT chain; what was decided for their connection is
done to them by the kernel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from modwarden.site.rulesets import Chain, Rule, Ruleset, Table
from modwarden.site.rulesets.ir import NEW, STATES

OTHERS = tuple(sorted(STATES - {NEW}))


def for_state(rulesets: Iterable[Ruleset], state: str) -> tuple[Ruleset, ...]:
    """Give rule sets as packets of a state meet them."""
    if state == NEW:
        return tuple(rulesets)
    return tuple(
        replace(ruleset, tables=tuple(_table(table, state) for table in ruleset.tables))
        for ruleset in rulesets
    )


def tells_states_apart(rulesets: Iterable[Sequence[Ruleset]]) -> bool:
    """Say whether any rule asks for a state."""
    return any(
        match.states != STATES
        for held in rulesets
        for ruleset in held
        for table in ruleset.tables
        for chain in table.chains.values()
        for rule in chain.rules
        for match in rule.of_all_states
    )


def _table(table: Table, state: str) -> Table:
    return replace(table, chains={name: _chain(chain, state) for name, chain in table.chains.items()})


def _chain(chain: Chain, state: str) -> Chain:
    if chain.is_nat:
        return replace(chain, rules=(), hook=None)
    return replace(chain, rules=tuple(_rule(rule, state) for rule in chain.rules))


def _rule(rule: Rule, state: str) -> Rule:
    return replace(rule, matches=tuple(match for match in rule.of_all_states if state in match.states))
