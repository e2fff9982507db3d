"""What limits need to work: `max_step` and `max_change` compare with values that some rule must read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modwarden.model import (
    AssetName,
    Conduit,
    Finding,
    Limits,
    Point,
    PointName,
    Rule,
    RuleKind,
    Site,
    Span,
    Table,
    function_catalogue,
)
from modwarden.site.lint._finding import listed, warning
from modwarden.site.lint.rules import permits_writes

_READERS = {
    Table.COIL: {1},
    Table.DISCRETE_INPUT: {2},
    Table.INPUT_REGISTER: {4},
    Table.HOLDING_REGISTER: {3, 23},
}


@dataclass(frozen=True, slots=True)
class _Reader:
    """A permit, the read codes it names, and the assets it reaches."""

    rule: Rule
    codes: frozenset[int]
    assets: frozenset[AssetName]


def step_without_reader(site: Site) -> Iterator[Finding]:
    """A written point is limited by its last value, which no rule lets anyone read."""
    permits = [(c, rule) for c in site.conduits.values() for rule in c.rules if rule.kind == RuleKind.PERMIT]
    readers = [_Reader(r, _codes_read(r), frozenset(units_of(site, c, r))) for c, r in permits]
    readers = [reader for reader in readers if reader.codes]
    for conduit, rule in permits:
        stepped = _stepped(site, conduit, rule) if permits_writes(rule) else {}
        for point, assets in stepped.items():
            unread = [str(asset) for asset in assets if not _is_read(site, readers, asset, point[1])]
            if unread:
                what = (
                    f"rule {rule.name!r}: {point[0]} is limited by its last value,"
                    f" which no rule reads on {listed(unread)}"
                )
                hint = "without a known value every write is refused: permit its polling"
                yield warning("step-without-reader", rule.origin, what, hint)


def _stepped(site: Site, conduit: Conduit, rule: Rule) -> dict[tuple[PointName, Span], list[AssetName]]:
    stepped: dict[tuple[PointName, Span], list[AssetName]] = {}
    for asset in units_of(site, conduit, rule):
        point_map = site.points_of(asset)
        for point in point_map.points.values() if point_map is not None else ():
            if _touches(rule, point) and _needs_value(rule, point):
                stepped.setdefault((point.name, point.span), []).append(asset)
    return stepped


def units_of(site: Site, conduit: Conduit, rule: Rule) -> list[AssetName]:
    """List the assets with unit ids that a rule reaches through its conduit."""
    bound = {binding.asset for binding in conduit.servers}
    return [
        asset.name
        for asset in site.assets.values()
        if asset.unit_ids
        and (asset.name in bound or asset.via in bound)
        and (rule.servers is None or asset.name in rule.servers or asset.via in rule.servers)
    ]


def _touches(rule: Rule, point: Point) -> bool:
    if not point.table.is_writable:
        return False
    if rule.ranges is None and rule.points is None:
        return True
    if rule.points is not None and point.name in rule.points:
        return True
    return any(span.overlaps(piece) for span in rule.ranges or () for piece in point.spans)


def _needs_value(rule: Rule, point: Point) -> bool:
    limits = (point.limits or Limits()).overridden_by(rule.limits.get(point.name, Limits()))
    return limits.max_step is not None or limits.max_change is not None


def _codes_read(rule: Rule) -> frozenset[int]:
    rows = [f for f in function_catalogue() if "read" in f.sets]
    return frozenset(f.function_code for f in rows if any(s.covers(f, "read") for s in rule.functions))


def _is_read(site: Site, readers: list[_Reader], asset: AssetName, span: Span) -> bool:
    """Say whether rules together read all of a span; the guard knows values register by register."""
    known: set[int] = set()
    for reader in readers:
        if asset in reader.assets and not reader.codes.isdisjoint(_READERS[span.table]):
            known.update(_named(site, reader.rule, asset, span))
            if len(known) == span.quantity:
                return True
    return False


def _named(site: Site, rule: Rule, asset: AssetName, span: Span) -> Iterator[int]:
    """Give the addresses of a span that a rule names."""
    pieces: list[Span] = [span]
    if rule.ranges is not None or rule.points is not None:
        point_map = site.points_of(asset)
        points = point_map.points if point_map is not None else {}
        pieces = [*(rule.ranges or ()), *(points[name].span for name in rule.points or () if name in points)]
    for piece in pieces:
        if piece.table == span.table:
            yield from range(max(piece.first, span.first), min(piece.last, span.last) + 1)


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (step_without_reader,)
