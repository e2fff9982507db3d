"""Differences in words: from where to where, and which rule it was."""

from collections.abc import Iterable, Iterator

from modwarden.drift.fates import Step
from modwarden.drift.ground import Ground
from modwarden.site.proof.space import full
from modwarden.site.proof.words import listed, names_in_ranges
from modwarden.site.rulesets import Table
from modwarden.site.rulesets.sets import V4, V6_SET

_HANDLE = " # handle "
_MOST_LETTERS = 120


def place_of(table: Table, chain: str) -> str:
    """Name a chain as nft does."""
    return f"chain {chain} of table {family_of(table)} {table.name}"


def family_of(table: Table) -> str:
    """Name the family of a table."""
    return {V4: "ip", V6_SET: "ip6"}.get(table.packets, "inet")


def rule_in_words(step: Step) -> str:
    """Name the rule of a step, or the policy."""
    if step.rule is None:
        policy = "accept" if step.chain.accepts else "drop"
        return f"the policy {policy} of {place_of(step.table, step.chain.name)}"
    text, _, handle = step.rule.text.partition(_HANDLE)
    text = text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
    where = f"handle {handle}" if handle else f"line {step.rule.origin.line}"
    return f"rule `{text}` ({where})"


def whose(ground: Ground, mask: int) -> str:
    """Name addresses: zones that they hold all of, else assets, else the zones they lie in."""
    topology = ground.topology
    families = ground.space.families()
    everything = full(ground.space.addresses)
    if any(mask == one for one in (everything, *families)) or not everything & ~ground.local & ~mask:
        return "anywhere"
    said = [*_zones_and_assets(ground, mask)]
    nowhere = mask
    for owned in topology.owned.values():
        nowhere &= ~owned
    if nowhere & ~ground.local:
        said.append("addresses of no zone")
    return listed(said) or "itself"


def _zones_and_assets(ground: Ground, mask: int) -> Iterator[str]:
    assets = []
    partly: list[str] = []
    topology = ground.topology
    for zone, owned in topology.owned.items():
        held = owned & mask
        if not held:
            continue
        if not owned & ~mask & ~ground.local:
            yield str(zone)
            continue
        rest = held
        for name, own in topology.addresses_of.items():
            if own & held:
                assets.append(name)
                rest &= ~own
        if rest:
            partly.append(f"part of {zone}")
    yield from names_in_ranges(dict.fromkeys(assets))
    yield from partly


def interfaces_in_words(ground: Ground, inward: int, outward: int) -> str:
    """Name the interfaces that packets come and leave by, where not by all."""
    every = ground.all_interfaces
    parts = []
    if inward != every and (names := ground.names(inward)):
        parts.append(f"in by {listed(names)}")
    if outward != every and (names := ground.names(outward)):
        parts.append(f"out by {listed(names)}")
    return f" ({', '.join(parts)})" if parts else ""


def joined(masks: Iterable[int]) -> int:
    """Unite masks."""
    found = 0
    for mask in masks:
        found |= mask
    return found
