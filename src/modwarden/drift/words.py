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
        whole = _wholly_held(ground, owned, mask)
        if whole is not None:
            yield f"{zone}{whole}"
            continue
        rest = owned & mask
        for name, own in topology.addresses_of.items():
            if own & owned & mask:
                assets.append(name)
                rest &= ~own
        if rest:
            partly.append(f"part of {zone}")
    yield from names_in_ranges(dict.fromkeys(assets))
    yield from partly


def _wholly_held(ground: Ground, owned: int, mask: int) -> str | None:
    """Say which IP version of a zone is held and wholly so, what is the host's own apart; None if in part."""
    has = [(word, owned & family) for word, family in _families(ground) if owned & family]
    held = [word for word, own in has if own & mask]
    wholly = [word for word, own in has if not own & ~mask & ~ground.local]
    if not held or held != wholly:
        return None
    return "" if len(held) == len(has) else f" ({held[0]})"


def _families(ground: Ground) -> tuple[tuple[str, int], ...]:
    v4, v6 = ground.space.families()
    return ("IPv4", v4), ("IPv6", v6)


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
