"""Management and islands: what is written and would not hold."""

from collections.abc import Callable, Iterator
from itertools import product

from modwarden.model import Conduit, Finding, Network, Rule, RuleKind, Site, contains
from modwarden.site.lint._finding import note, warning


def management_elsewhere(site: Site) -> Iterator[Finding]:
    """An asset says who manages it, and nothing is ever written for it."""
    points = site.enforcement_points()
    for asset in site.assets.values():
        if asset.management is not None and asset.name not in points:
            what = f"{asset.name!r} is neither a router nor a guard's host: its `management` opens nothing"
            hint = "declare a flow to it, or say `forwards: true` where it routes"
            yield warning("management-elsewhere", asset.management.origin, what, hint)


def essential_from_outside(site: Site) -> Iterator[Finding]:
    """A rule is essential for clients that an island cuts off."""
    if not any(zone.is_ot for zone in site.zones.values()):
        return
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            outside = _zones_outside(site, conduit, rule) if rule.essential else []
            if outside:
                what = f"rule {rule.name!r} is essential for clients in {' and '.join(outside)}"
                hint = "island mode of a router or guard's host cuts them off all the same (SR 5.2 RE 2)"
                yield note("essential-from-outside", rule.origin.at("essential"), what, hint)


def _zones_outside(site: Site, conduit: Conduit, rule: Rule) -> list[str]:
    if rule.kind is not RuleKind.PERMIT:
        return []
    zones = [site.zones[name] for name in conduit.from_zones]
    return [
        zone.name
        for zone in zones
        if not zone.is_ot
        and any(_touch(one, other) for one, other in product(rule.clients or (), zone.networks))
    ]


def _touch(one: Network, other: Network) -> bool:
    return contains(one, other) or contains(other, one)


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (management_elsewhere, essential_from_outside)
