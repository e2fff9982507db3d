"""What crosses a router: senders that lie where they say, and connections that somebody needs."""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import permutations, product

from modwarden.hardening.file import one_line
from modwarden.hardening.needs import Need, NeedKind, Target
from modwarden.hardening.nft_words import (
    FAMILIES,
    SPANS,
    accepts,
    address_words,
    interface,
    of_version,
    one_or_set,
    quoted_comment,
)
from modwarden.hardening.places import EVERYWHERE, Leg, minus, networks_of
from modwarden.hardening.point import Point
from modwarden.model import TunnelKind
from modwarden.site.rulesets.sets import IntervalSet

TRACKED = "ct state vmap { established : accept, related : accept, invalid : drop }"
# Who has no address yet, and who speaks within a segment only; no router forwards either.
_UNROUTED = networks_of((ip_network("fe80::/10"), ip_network("::/128")))


def sender_rules(point: Point) -> Iterator[str]:
    """Refuse senders that do not lie behind the interface that they use."""
    for leg, version in product(point.legs, FAMILIES):
        may = of_version(leg.behind | _UNROUTED, version)
        if may.intervals != (SPANS[version],):
            yield f'iifname "{leg.name}" {_whose(may, version)} goto spoofed'


def forward_rules(point: Point) -> Iterator[str]:
    """Let replies pass, each zone within itself, and what is needed."""
    yield from encrypted_rules(point, comes=True, goes=True)
    yield TRACKED
    yield from within_zones(point)
    for need in point.needs:
        rules = list(crossing(point, need))
        yield from [*told(need), *rules] if rules else []


def encrypted_rules(point: Point, *, comes: bool = False, goes: bool = False) -> Iterator[str]:
    """Refuse, of old connections too, what belongs into a tunnel of IPsec and comes or goes beside it."""
    for tunnel, end in point.site.tunnel_ends(point.name):
        behind = networks_of(tunnel.peer_of(end).networks)
        for version, family in FAMILIES.items():
            held = of_version(behind, version)
            if tunnel.kind is not TunnelKind.IPSEC or held.is_empty:
                continue
            words = one_or_set(address_words(held, version))
            beside = quoted_comment(f"beside the tunnel {tunnel.name}")
            if comes:
                yield f"{family} saddr {words} meta ipsec missing counter drop {beside}"
            if goes:
                refusal = "counter reject with icmpx admin-prohibited"
                yield f"{family} daddr {words} rt ipsec missing {refusal} {beside}"


def crossing(point: Point, need: Need) -> Iterator[str]:
    """Write the rules for one need, for each pair of interfaces that may lie on its path."""
    if _ends_here(point, need):
        return
    for inward, outward in permutations(point.legs, 2):
        yield from _between(point, need, inward, outward)


def _ends_here(point: Point, need: Need) -> bool:
    """Say whether it begins here, or a guard in the wire takes it here and nothing passes in its place."""
    if need.begun_by == point.name:
        return True
    own = {one.conduit for one in point.site.diversions(point.name) if not one.fails_open}
    return need.kind is NeedKind.CLIENTS and need.conduit in own


def told(need: Need) -> list[str]:
    """Say above a need's rules where it is written, and why."""
    why = f": {one_line(need.why)}" if need.why else ""
    return [f"# {need.origins[0]}: {one_line(need.name)}{why}"]


def _between(point: Point, need: Need, inward: Leg, outward: Leg) -> Iterator[str]:
    before = f'iifname "{inward.name}" oifname "{outward.name}"'
    source = need.source & inward.behind
    if minus(source, point.own).is_empty:
        return
    for target in need.targets:
        to = target.addresses & outward.behind
        if not minus(to, point.own).is_empty:
            reached = Target(to, target.protocol, target.ports)
            yield from accepts(source, reached, comment=need.name, before=before)


def within_zones(point: Point) -> Iterator[str]:
    """Let a zone that stands on several interfaces be one: within a zone everything reaches everything."""
    for zone in sorted({zone for leg in point.legs for zone in leg.zones}):
        names = [leg.name for leg in point.legs if zone in leg.zones]
        own = point.places.owned[zone]
        if len(names) < 2:
            continue
        for version, family in FAMILIES.items():
            held = of_version(own, version)
            if not held.is_empty:
                words = one_or_set(address_words(held, version))
                sides = f"{family} saddr {words} {family} daddr {words}"
                legs = f"{interface('iifname', names)} {interface('oifname', names)}"
                yield f'{legs} {sides} counter accept comment "within {one_line(zone)}"'


def _whose(may: IntervalSet, version: int) -> str:
    """Name those who must not send: by what they are not, or by what they are, whichever is shorter."""
    words = address_words(may, version)
    others = address_words(minus(EVERYWHERE, may), version)
    if not words:
        return f"meta nfproto ipv{version}"
    is_short = len(others) < len(words)
    return f"{FAMILIES[version]} saddr {one_or_set(others) if is_short else f'!= {one_or_set(words)}'}"
