"""
Rules that only drop what comes too fast: within the rate everything passes, so that they take no path away.

Kept true here: only a rule whose single doubt is a rate, and after which nothing can pass, is read so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modwarden.site.rulesets.ir import ANY, Action, Chain, Rule

RATE = "limit"


def kind_of(kind: str, body: Any) -> str:
    """Say `limit` also of a set that keeps a rate for each element: `update @set { ip saddr limit … }`."""
    statements = body.get("stmt", ()) if kind == "set" and isinstance(body, Mapping) else ()
    return RATE if any(RATE in one for one in statements if isinstance(one, Mapping)) else kind


def without_rates(chains: Mapping[str, Chain]) -> dict[str, Chain]:
    """Give the chains with each such rule made into one that does nothing."""
    return {
        name: replace(chain, rules=tuple(_without_rate(rule, chains) for rule in chain.rules))
        for name, chain in chains.items()
    }


def _without_rate(rule: Rule, chains: Mapping[str, Chain]) -> Rule:
    if rule.uncertain == (RATE,) and _only_drops(rule, chains):
        return replace(rule, action=Action.CONTINUE, target=None, uncertain=())
    return rule


def _only_drops(rule: Rule, chains: Mapping[str, Chain]) -> bool:
    if rule.action is Action.DROP:
        return True
    target = chains.get(rule.target or "") if rule.action in (Action.JUMP, Action.GOTO) else None
    if target is None or any(one.action is not Action.DROP for one in target.rules):
        return False
    return any(one.matches == (ANY,) and not one.uncertain for one in target.rules)
