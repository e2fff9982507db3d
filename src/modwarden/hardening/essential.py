"""
What stays between OT zones in an island that leaves essential conduits only.

Kept true here: like all of an island it knows no connection, so that replies have rules of their own.
"""

from collections.abc import Iterator

from modwarden.hardening.crossing import within_zones
from modwarden.hardening.needs import Need, NeedKind, Target
from modwarden.hardening.nft_words import (
    FAMILIES,
    accepts,
    address_words,
    of_version,
    one_or_set,
    port_words,
    quoted_comment,
)
from modwarden.hardening.point import Point
from modwarden.model import ConduitName
from modwarden.site.rulesets.sets import IntervalSet

_KINDS = (NeedKind.CLIENTS, NeedKind.SERVERS)


def essential_chain(point: Point) -> Iterator[str]:
    """Write the chain that lets essential conduits pass, and cuts all else between OT zones."""
    yield "chain essential {"
    yield from (f"\t{rule}" for rule in (_of_router(point) if point.forwards else _of_guard(point)))
    yield "}"


def _of_router(point: Point) -> Iterator[str]:
    inside = point.places.inside
    for need in (need for need in point.needs if need.kind in _KINDS and _is_essential(point, need)):
        for target in need.targets:
            held = Target(target.addresses & inside, target.protocol, target.ports)
            yield from accepts(need.source & inside, held, comment=need.name)
            yield from _replies(need.source & inside, held, need.name)
    yield from within_zones(point)
    for version, family in FAMILIES.items():
        if not of_version(inside, version).is_empty:
            yield f"{family} saddr @inside{version} {family} daddr @inside{version} goto cut"


def _of_guard(point: Point) -> Iterator[str]:
    """Cut a guard's other conduits at their listeners and towards their servers."""
    guards = {conduit.name for conduit in point.site.conduits.values() if conduit.guard == point.name}
    for need in point.needs:
        if need.kind in _KINDS and need.conduit in guards and not _is_essential(point, need):
            for target in need.targets:
                yield from (f"{rule} goto cut" for rule in _asked(target))


def _is_essential(point: Point, need: Need) -> bool:
    conduit = point.site.conduits[ConduitName(need.conduit or "")]
    return any(rule.essential for rule in conduit.rules)


def _replies(source: IntervalSet, target: Target, name: str) -> Iterator[str]:
    for version, family in FAMILIES.items():
        who, whom = address_words(source, version), address_words(target.addresses, version)
        if who and whom:
            sides = f"{family} saddr {one_or_set(whom)} {family} daddr {one_or_set(who)}"
            ports = f"{target.protocol} sport {one_or_set(port_words(target.ports))}"
            yield f"{sides} {ports} counter accept {quoted_comment(f'{name}, replies')}"


def _asked(target: Target) -> Iterator[str]:
    for version, family in FAMILIES.items():
        if whom := address_words(target.addresses, version):
            ports = f"{target.protocol} dport {one_or_set(port_words(target.ports))}"
            yield f"{family} daddr {one_or_set(whom)} {ports}"
