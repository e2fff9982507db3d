"""Rules that change nothing: covered by others, beaten by a `never`, or naming what cannot be."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from modwarden.model import Conduit, Finding, Limits, PointMap, Rule, RuleKind, Site
from modwarden.site._axes import Box, is_covered
from modwarden.site.lint._boxes import CLIENTS, RuleBoxes
from modwarden.site.lint._finding import listed, warning


@dataclass(frozen=True, slots=True, eq=False)
class _Boxed:
    """A rule and all that it names."""

    rule: Rule
    boxes: tuple[Box, ...]


def useless_rules(site: Site) -> Iterator[Finding]:
    """Rules without which the conduit would decide every request alike."""
    for conduit in site.conduits.values():
        maps = [
            site.point_maps[name] for name in sorted({a.points for a in site.assets.values() if a.points})
        ]
        builder = RuleBoxes(site, conduit)
        boxed = [_Boxed(rule, tuple(builder.of(rule, index))) for index, rule in enumerate(conduit.rules)]
        yield from _without_effect(boxed)
        yield from _beaten(boxed)
        yield from _covered(conduit, boxed, maps)


def _without_effect(boxed: Iterable[_Boxed]) -> Iterator[Finding]:
    for one in boxed:
        # A rule for nobody has a finding of its own.
        if not one.boxes and one.rule.clients != () and one.rule.roles != ():
            what = f"rule {one.rule.name!r} names no request that could be sent to its servers"
            hint = "its functions, servers, unit ids, ranges and points have nothing in common"
            yield warning("rule-without-effect", one.rule.origin, what, hint)


def _beaten(boxed: list[_Boxed]) -> Iterator[Finding]:
    nevers = [one for one in boxed if one.rule.kind == RuleKind.NEVER]
    for one in boxed:
        if one.rule.kind == RuleKind.PERMIT and one.boxes and _is_held(one, nevers):
            names = listed([str(never.rule.name) for never in nevers if _meet(one, never)])
            what = f"rule {one.rule.name!r} permits only what {names} forbids"
            yield warning(
                "rule-beaten", one.rule.origin, what, "a never beats every permit: delete one of them"
            )


def _covered(conduit: Conduit, boxed: list[_Boxed], maps: list[PointMap]) -> Iterator[Finding]:
    needed = dict.fromkeys(boxed)
    probe = _Probe(boxed)
    # From the last: of two equal rules the second is the one too many.
    for one in reversed(boxed):
        if not one.boxes or not probe.is_met(one, needed):
            continue
        others = [
            other
            for other in needed
            if other is not one and _meet(one, other) and _may_cover(conduit, other.rule, one.rule, maps)
        ]
        if _is_held(one, others):
            del needed[one]
            names = listed([str(other.rule.name) for other in others if _meet(one, other)])
            what = f"rule {one.rule.name!r} is wholly covered by {names}"
            yield warning("rule-covered", one.rule.origin, what, "delete it, or narrow the other")


class _Probe:
    """Finds cheaply that a rule is not covered: one request of it that no other rule names will do."""

    def __init__(self, boxed: list[_Boxed]) -> None:
        self._boxed = boxed
        self._by_client: dict[int, list[_Boxed]] = {}

    def is_met(self, one: _Boxed, needed: Collection[_Boxed]) -> bool:
        """Say whether other rules hold the first request of each box."""
        return all(self._is_box_met(one, box, needed) for box in one.boxes)

    def _is_box_met(self, one: _Boxed, box: Box, needed: Collection[_Boxed]) -> bool:
        request = tuple(side & -side for side in box)
        return any(
            all(mine & theirs for mine, theirs in zip(request, other_box, strict=True))
            for other in self._sharing(request[CLIENTS])
            if other is not one and other.rule.kind == one.rule.kind and other in needed
            for other_box in other.boxes
        )

    def _sharing(self, client: int) -> list[_Boxed]:
        if client not in self._by_client:
            named = [one for one in self._boxed if any(box[CLIENTS] & client for box in one.boxes)]
            self._by_client[client] = named
        return self._by_client[client]


def _is_held(one: _Boxed, others: Iterable[_Boxed]) -> bool:
    boxes = [box for other in others for box in other.boxes]
    return all(is_covered(box, boxes) for box in one.boxes)


def _meet(one: _Boxed, other: _Boxed) -> bool:
    return any(
        all(a & b for a, b in zip(mine, theirs, strict=True)) for mine in one.boxes for theirs in other.boxes
    )


def _may_cover(conduit: Conduit, other: Rule, rule: Rule, maps: list[PointMap]) -> bool:
    """Say whether `other` decides as `rule` does wherever both hold."""
    if other.kind != rule.kind or (rule.essential and not other.essential):
        return False
    denials = [conduit.denial if r.denial is None else r.denial for r in (other, rule)]
    if denials[0] != denials[1]:
        return False
    if rule.kind == RuleKind.NEVER:
        return True
    return all(_admits(other, rule, point_map) for point_map in maps)


def _admits(other: Rule, rule: Rule, point_map: PointMap) -> bool:
    for name in other.limits.keys() | rule.limits.keys():
        point = point_map.points.get(name)
        if point is None:
            continue
        own = point.limits or Limits()
        theirs = own.overridden_by(other.limits.get(name, Limits()))
        if not theirs.admits_all_of(own.overridden_by(rule.limits.get(name, Limits()))):
            return False
    return True


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (useless_rules,)
