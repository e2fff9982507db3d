"""
What `never` rules leave of a permit to write.

Kept true here: only what a `never` forbids wholly is taken away: every function, client, role, unit and time
by which the permit would let it be written, and every address of a point. Where that cannot be told it stays.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from modwarden.model import (
    AssetName,
    Conduit,
    Function,
    Point,
    PointName,
    Rule,
    RuleKind,
    Site,
    Span,
    contains,
    function_catalogue,
)
from modwarden.site.lint.reach import units_of

Points: TypeAlias = Mapping[PointName, Point]


def points_left(site: Site, conduit: Conduit, rule: Rule, asset: AssetName) -> tuple[PointName, ...] | None:
    """List the points of an asset that a permit still lets be written; None: whatever the rule names."""
    nevers = [never for never in conduit.rules if _always(site, conduit, never, rule, asset)]
    held = site.points_of(asset)
    points: Points = held.points if held is not None else {}
    if rule.ranges is not None or rule.points is None:
        return () if _forbid(nevers, points, _spans(rule, points)) else None
    named = [points[name] for name in rule.points if name in points]
    return tuple(
        point.name
        for point in named
        if any(span.table.is_writable for span in point.spans) and not _forbid(nevers, points, point.spans)
    )


def _always(site: Site, conduit: Conduit, never: Rule, rule: Rule, asset: AssetName) -> bool:
    """Say whether a `never` holds for all that a permit holds for at an asset, addresses apart."""
    return (
        never.kind is RuleKind.NEVER
        and never.when is None
        and _covers_clients(conduit, never, rule)
        and (never.roles is None or (rule.roles is not None and set(rule.roles) <= set(never.roles)))
        and asset in units_of(site, conduit, never)
        and _covers_units(site, never, rule, asset)
        and all(_names(never, function) for function in _written_by(rule))
    )


def _covers_clients(conduit: Conduit, never: Rule, rule: Rule) -> bool:
    if never.clients is None:
        return True
    # Who asks at a serial port has no address that a rule could name.
    if rule.clients is None or conduit.client is not None:
        return False
    return all(any(contains(theirs, own) for theirs in never.clients) for own in rule.clients)


def _covers_units(site: Site, never: Rule, rule: Rule, asset: AssetName) -> bool:
    if never.unit_ids is None:
        return True
    return set(rule.unit_ids or site.assets[asset].unit_ids) <= set(never.unit_ids)


def _written_by(rule: Rule) -> Iterator[Function]:
    for function in function_catalogue():
        if "write" in function.sets and _names(rule, function):
            yield function


def _names(rule: Rule, function: Function) -> bool:
    return any(selector.covers(function, "write") for selector in rule.functions)


def _spans(rule: Rule, points: Points) -> tuple[Span, ...] | None:
    """Give the addresses that a rule names; None for all of them."""
    if rule.ranges is None and rule.points is None:
        return None
    named = [points[name] for name in rule.points or () if name in points]
    return (*(rule.ranges or ()), *(span for point in named for span in point.spans))


def _forbid(nevers: list[Rule], points: Points, spans: tuple[Span, ...] | None) -> bool:
    """Say whether each of some addresses is one that a `never` names."""
    forbidden = [_spans(never, points) for never in nevers]
    if None in forbidden:
        return True
    listed = [span for found in forbidden if found is not None for span in found]
    return spans is not None and all(_is_covered(span, listed) for span in spans)


def _is_covered(span: Span, by: list[Span]) -> bool:
    first = span.first
    for one in sorted(by):
        if one.table == span.table and one.first <= first <= one.last:
            first = one.last + 1
    return first > span.last
