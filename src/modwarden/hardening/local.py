"""What reaches an enforcement point itself, and what a guard's host opens on its own."""

from collections.abc import Iterator

from modwarden.hardening.crossing import TRACKED, encrypted_rules, told
from modwarden.hardening.needs import Need, NeedKind, Target
from modwarden.hardening.nft_words import SPANS, accepts, of_version
from modwarden.hardening.places import addresses_of, minus
from modwarden.hardening.point import Point
from modwarden.site.rulesets.sets import NONE, IntervalSet

# RFC 4890 §4.4.1: a switch that listens takes whoever does not answer off the groups by which IPv6 finds it.
_QUERIES = "mld-listener-query"
# IPv6 finds neighbours by ICMP. RFC 4861 §7.1: the kernel drops what a router passed on.
NEIGHBOURS = "nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert"


def input_rules(point: Point) -> Iterator[str]:
    """Let in what is needed of the host itself: by a guard's clients, by flows, for its management."""
    yield 'iifname "lo" accept'
    yield from encrypted_rules(point, comes=True)
    if point.is_transparent:
        # The guard refuses and records whom no rule names; and a reset needs a socket that sees its packet.
        # Nothing else arrives here that is for somebody else.
        yield 'fib daddr type != { local, broadcast, multicast } accept comment "diverted to the guard"'
    yield TRACKED
    if point.speaks_ipv6:
        yield f"icmpv6 type {{ {NEIGHBOURS}, {_QUERIES} }} accept"
    for need in point.needs:
        rules = list(arriving(point, need))
        yield from [*told(need), *rules] if rules else []


def arriving(point: Point, need: Need) -> Iterator[str]:
    """Write the rules for one need, as far as it leads here."""
    source = need.source | need.nearby
    for target in need.targets:
        to = target.addresses & point.own
        if to.is_empty or need.begun_by == point.name:
            continue
        reached = Target(_unless_all(to, point), target.protocol, target.ports)
        if not point.forwards:
            yield from accepts(source, reached, comment=need.name)
        for leg in point.legs:
            if need.kind is NeedKind.TUNNEL and leg.name not in _outer(to, point):
                continue
            before = f'iifname "{leg.name}"'
            yield from accepts(source & leg.behind, reached, comment=need.name, before=before)


def _outer(to: IntervalSet, point: Point) -> set[str]:
    """Name the interfaces of a tunnel's outer address: its packets come by no other."""
    held = ((one.name, addresses_of(one.addresses)) for one in point.asset.connections.interfaces)
    return {name for name, addresses in held if not (addresses & to).is_empty}


def _unless_all(to: IntervalSet, point: Point) -> IntervalSet:
    """Do not ask for the address where any of the host's own will do."""
    whole = NONE
    for version, span in SPANS.items():
        here = of_version(to, version)
        is_all = not here.is_empty and here == of_version(point.own, version)
        whole |= IntervalSet((span,)) if is_all else here
    return whole


def output_rules(point: Point) -> Iterator[str]:
    """Let out what a guard's host needs; elsewhere it opens no connection."""
    yield 'oifname "lo" accept'
    yield from encrypted_rules(point, goes=True)
    yield "ct state established,related accept"
    # Refusals of what belongs to no connection; they carry nothing.
    yield "tcp flags & rst == rst accept"
    if point.speaks_ipv6:
        yield f"icmpv6 type {{ {NEIGHBOURS}, mld2-listener-report }} accept"
    for need in point.needs:
        rules = list(opened(point, need))
        yield from [*told(need), *rules] if rules else []


def opened(point: Point, need: Need) -> Iterator[str]:
    """Write the rules for one need, as far as it begins here."""
    is_own = need.begun_by == point.name
    if not is_own and (need.source & point.own).is_empty:
        return
    # A transparent guard speaks from its clients' addresses.
    source = None if is_own else _unless_all(need.source & point.own, point)
    for target in need.targets:
        to = minus(target.addresses, point.own)
        yield from accepts(source, Target(to, target.protocol, target.ports), comment=need.name)
