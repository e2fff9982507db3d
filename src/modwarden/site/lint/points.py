"""Points: addresses that collide, limits that cannot work."""

from collections.abc import Callable, Iterator

from modwarden.model import Finding, Limits, Point, PointMap, Site, Span
from modwarden.site.lint._finding import error, warning


def overlapping_points(site: Site) -> Iterator[Finding]:
    """Two points of a map share an address."""
    for point_map in site.point_maps.values():
        yield from _overlaps(point_map)


def limits_never_pass(site: Site) -> Iterator[Finding]:
    """Limits that no value satisfies, of a point or as a rule leaves them."""
    for point_map in site.point_maps.values():
        for point in point_map.points.values():
            if point.limits is not None and not point.limits.can_pass:
                what = f"{point.name}: no value satisfies these limits"
                yield error(
                    "limits-never-pass", point.origin.at("write"), what, _never_pass_hint(point.limits)
                )
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            for name, limits in rule.limits.items():
                if not limits.can_pass:
                    what = f"rule {rule.name!r}: no value of {name} satisfies these limits"
                    yield error("limits-never-pass", rule.origin.at("limits"), what, _never_pass_hint(limits))


def limits_on_read_only(site: Site) -> Iterator[Finding]:
    """Limits on a point that no function can write."""
    for point_map in site.point_maps.values():
        for point in point_map.points.values():
            if point.limits is not None and not any(span.table.is_writable for span in point.spans):
                what = f"{point.name}: no function writes {point.table}, so its limits mean nothing"
                yield warning(
                    "limits-on-read-only", point.origin.at("write"), what, "delete them, or correct the table"
                )


def limits_outside_type(site: Site) -> Iterator[Finding]:
    """A range that the registers of its point cannot hold at all."""
    for point_map in site.point_maps.values():
        for point in point_map.points.values():
            if point.limits is None or point.limits.range is None or point.type.is_float:
                continue
            low, high = _bounds(point)
            if point.limits.range[1] < low or point.limits.range[0] > high:
                what = f"{point.name}: {point.type} holds {low:g} to {high:g}, the range lies outside"
                hint = "limits are in engineering units: raw * scale + offset"
                yield error("limits-outside-type", point.origin.at("write"), what, hint)


def _overlaps(point_map: PointMap) -> Iterator[Finding]:
    held: list[tuple[Span, Point]] = [
        (span, point) for point in point_map.points.values() for span in point.spans
    ]
    held.sort(key=lambda pair: (pair[0].table, pair[0].first))
    widest: tuple[Span, Point] | None = None
    for span, point in held:
        if widest is not None and widest[0].overlaps(span):
            yield _overlap(point_map, widest, (span, point))
        if widest is None or widest[0].table != span.table or span.last > widest[0].last:
            widest = (span, point)


def _overlap(point_map: PointMap, first: tuple[Span, Point], second: tuple[Span, Point]) -> Finding:
    (one, other) = sorted((first, second), key=lambda pair: (pair[1].origin.file, pair[1].origin.line))
    what = (
        f"{other[1].name} ({other[0]}) overlaps {one[1].name} ({one[0]}, {one[1].origin})"
        f" in the map {point_map.name!r}"
    )
    hint = "correct an address or a type; one value at two places is `aliases`"
    return error("overlapping-points", other[1].origin.at("at"), what, hint)


def _never_pass_hint(limits: Limits) -> str:
    if limits.per_minute == 0:
        return "per_minute is 0: to forbid writes, permit none"
    if limits.range is not None and limits.range[0] > limits.range[1]:
        return f"write the smaller value first: [{limits.range[1]:g}, {limits.range[0]:g}]"
    return "no allowed value lies in the range"


def _bounds(point: Point) -> tuple[float, float]:
    bits = 1 if point.table.holds_bits else 16 * point.type.quantity
    is_signed = point.type.value.startswith("int")
    raw = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    low, high = sorted(value * point.scale + point.offset for value in raw)
    return low, high


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    overlapping_points,
    limits_never_pass,
    limits_on_read_only,
    limits_outside_type,
)
