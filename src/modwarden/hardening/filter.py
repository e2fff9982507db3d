"""
The packet filter of an enforcement point: what may cross it, what may reach it, and nothing else.

Kept true here:
* each chain that lets pass begins closed (`policy drop`), and its rules serve needs of the site file;
* replies pass by connection tracking, what belongs to no connection does not;
* at a router a packet's sender must lie behind the interface that it came by.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from modwarden.hardening.crossing import crossing, forward_rules, sender_rules
from modwarden.hardening.floods import flood_rules, flood_sets, logged, refusing_chains
from modwarden.hardening.local import arriving, input_rules, opened, output_rules
from modwarden.hardening.needs import Need
from modwarden.hardening.nft_words import FAMILIES, of_version
from modwarden.hardening.places import union
from modwarden.hardening.point import Point


def filter_table(point: Point) -> Iterator[str]:
    """Write the table, without its first and last line."""
    versions = _versions(point)
    yield from flood_sets(point, versions)
    for lines in _chains(point, versions):
        yield ""
        yield from lines
    yield ""
    yield from refusing_chains(point)


def served_needs(point: Point) -> Iterator[Need]:
    """List the needs for which the table has a rule."""
    yield from (need for need in point.needs if serves(point, need))


def serves(point: Point, need: Need) -> bool:
    """Say whether the table has a rule for a need."""
    own = opened(point, need) if point.is_guard else ()
    return any(True for _ in chain(crossing(point, need), arriving(point, need), own))


def _chains(point: Point, versions: tuple[int, ...]) -> Iterator[Iterable[str]]:
    if point.forwards:
        # Before anything is known of a connection.
        yield _chain("senders", "prerouting", "raw", sender_rules(point))
        yield _closed("forward", [*forward_rules(point), logged("denied")])
        yield flood_rules(point, versions, "forward")
    elif not point.is_transparent:
        yield _closed("forward", [logged("denied")])
    yield _closed("input", [*input_rules(point), logged("denied")])
    yield flood_rules(point, versions, "input")
    if point.is_guard:
        yield _closed("output", [*output_rules(point), logged("kept in")])


def _versions(point: Point) -> tuple[int, ...]:
    served = union(target.addresses for need in point.needs for target in need.targets)
    return tuple(version for version in FAMILIES if not of_version(served, version).is_empty)


def _closed(hook: str, rules: Iterable[str]) -> Iterator[str]:
    return _chain(hook, hook, "filter", rules, policy="drop")


def _chain(
    name: str, hook: str, priority: str, rules: Iterable[str], policy: str = "accept"
) -> Iterator[str]:
    yield f"chain {name} {{"
    yield f"\ttype filter hook {hook} priority {priority}; policy {policy};"
    yield from (f"\t{rule}" for rule in rules)
    yield "}"
