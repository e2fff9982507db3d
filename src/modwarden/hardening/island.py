"""
Island mode: one switch on an enforcement point that cuts what crosses between OT and everything else.

Kept true here:
* the rules stand in a table of their own, before all others, so that loading those changes nothing;
* who comes in by remote access is cut from OT whatever address it was given;
* they know no connection: what is open is cut with all else, and may go on where it is still open afterwards;
* what the switch is set to outlives a restart, and is in force before any network is up;
* whoever manages the host itself still reaches it, else nobody could switch back.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from modwarden.hardening.essential import essential_chain
from modwarden.hardening.file import DIRECTORY, HostFile, written_from
from modwarden.hardening.floods import logged
from modwarden.hardening.local import NEIGHBOURS
from modwarden.hardening.needs import Need, NeedKind, Target
from modwarden.hardening.nft_words import (
    FAMILIES,
    address_words,
    interface,
    of_version,
    one_or_set,
    port_words,
    service_words,
)
from modwarden.hardening.places import minus
from modwarden.hardening.point import Point
from modwarden.model import ISLAND_TABLE, AssetName, Origin, Site

_SERVES = ("SR 5.2 RE 2",)
_MARKER = f"{DIRECTORY}/island.on"
_SWITCH = f"""\
set -eu

# Without a right to ask, nothing is known: that must not read as off.
ask() {{
    if ! nft list tables >/dev/null 2>&1; then
        echo "island: not known, nft cannot be asked: run this as root" >&2
        exit 3
    fi
}}
is_on() {{ nft list table inet {ISLAND_TABLE} >/dev/null 2>&1; }}
is_essential_only() {{ nft list chain inet {ISLAND_TABLE} essential >/dev/null 2>&1; }}
load() {{
    if [ "$1" = essential ]; then
        nft -f {DIRECTORY}/island-essential.nft
    else
        nft -f {DIRECTORY}/island.nft
    fi
}}

case "${{1:-status}} ${{2:-}}" in
"on " | "on essential")
    # The cut comes first: it must not wait for a disk.
    load "${{2:-}}"
    if ! {{ echo "${{2:-}}" > {_MARKER} && sync {_MARKER}; }}; then
        echo "island: on, but a restart will end it: {_MARKER} cannot be written" >&2
        exit 1
    fi
    ;;
"off ")
    ask
    # The other way round: what cannot be remembered is not opened.
    rm -f {_MARKER}
    if is_on; then nft delete table inet {ISLAND_TABLE}; fi
    ;;
"restore ")
    if [ -e {_MARKER} ]; then load "$(cat {_MARKER})"; fi
    exit 0
    ;;
"status ")
    ask
    ;;
*)
    echo "usage: island.sh on [essential] | off | status" >&2
    exit 2
    ;;
esac
if is_essential_only; then
    echo "island: on, between OT zones essential conduits only"
elif is_on; then
    echo "island: on"
else
    echo "island: off"
fi
"""


def render_island(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """Write the switch and what it loads, where the site has an inside to cut off."""
    point = Point.of(site, asset)
    if not may_be_island(point):
        return
    origins = list(_origins(point))
    for name, lines in (
        ("island.nft", _table(point)),
        ("island-essential.nft", _table(point, essential_only=True)),
    ):
        rules = [
            "#!/usr/sbin/nft -f",
            *written_from(site, asset, origins, _SERVES),
            "",
            f"table inet {ISLAND_TABLE}",
            f"delete table inet {ISLAND_TABLE}",
            f"table inet {ISLAND_TABLE} {{",
            *(f"\t{line}" if line else "" for line in lines),
            "}",
        ]
        yield HostFile(name, f"{DIRECTORY}/{name}", "\n".join(rules) + "\n")
    switch = "\n".join(["#!/bin/sh", *written_from(site, asset, origins, _SERVES), _SWITCH])
    yield HostFile("island.sh", f"{DIRECTORY}/island.sh", switch, is_program=True)


def may_be_island(point: Point) -> bool:
    """Say whether there are OT and other zones, so that something can cross between them."""
    zones = point.site.zones.values()
    return not point.places.inside.is_empty and any(not zone.is_ot for zone in zones)


def _origins(point: Point) -> Iterator[Origin]:
    yield point.asset.origin
    yield point.asset.origin.at("management")
    for zone in point.site.zones.values():
        if zone.is_ot:
            yield zone.origin
            yield zone.origin.at("networks")
    for conduit in point.site.conduits.values():
        yield from (rule.origin for rule in conduit.rules if rule.essential)


def _table(point: Point, *, essential_only: bool = False) -> Iterator[str]:
    yield from _inside(point)
    onward = [*(["jump essential"] if essential_only else []), "goto crossing"]
    if essential_only:
        yield ""
        yield from essential_chain(point)
    if point.forwards:
        yield ""
        yield from _chain("forward", [*_by_interface(point), *_remote(point), *onward])
    if point.is_guard:
        yield ""
        asked = [*_by_remote_access(point), *_asked_from_outside(point)]
        yield from _chain("input", [*_neighbours(point), *_managed(point), *asked, "goto crossing"])
        yield ""
        yield from _chain("output", [*_neighbours(point), *_managed(point, is_reply=True), *onward])
        if point.is_transparent and not point.forwards:
            yield ""
            yield from _chain("forward", onward)
    yield ""
    yield "chain crossing {"
    for version, family in FAMILIES.items():
        if not of_version(point.places.inside, version).is_empty:
            yield f"\t{family} saddr @inside{version} {family} daddr != @inside{version} goto cut"
            yield f"\t{family} saddr != @inside{version} {family} daddr @inside{version} goto cut"
    yield "}"
    yield "chain cut {"
    yield f"\t{logged('island')}"
    yield "\tcounter drop"
    yield "}"


def _inside(point: Point) -> Iterator[str]:
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        words = address_words(point.places.inside, version)
        if words:
            yield f"set inside{version} {{"
            yield f"\ttype {kind}; flags interval;"
            yield f"\telements = {{ {', '.join(words)} }}"
            yield "}"


def _chain(hook: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"chain {hook} {{"
    # Before every filter: what these let pass the island still cuts.
    yield f"\ttype filter hook {hook} priority filter - 20; policy accept;"
    yield from (f"\t{rule}" for rule in rules)
    yield "}"


def _by_interface(point: Point) -> Iterator[str]:
    """Cut by cable as well, where an interface leads to one side only."""
    within = point.places.inside
    inner = [leg.name for leg in point.legs if leg.zones and minus(leg.behind, within).is_empty]
    outer = [leg.name for leg in point.legs if (leg.behind & within).is_empty]
    if inner and outer:
        yield f"{interface('iifname', inner)} {interface('oifname', outer)} goto cut"
        yield f"{interface('iifname', outer)} {interface('oifname', inner)} goto cut"


def _remote(point: Point) -> Iterator[str]:
    """Cut remote access from OT; its addresses may be of OT's own networks."""
    for name, (version, family) in product(_ways_in(point), FAMILIES.items()):
        if not of_version(point.places.inside, version).is_empty:
            yield f'iifname "{name}" {family} daddr @inside{version} goto cut'
            yield f'oifname "{name}" {family} saddr @inside{version} goto cut'


def _by_remote_access(point: Point) -> Iterator[str]:
    yield from (f'iifname "{name}" goto cut' for name in _ways_in(point))


def _ways_in(point: Point) -> list[str]:
    held = point.asset.connections.remote_access
    return sorted({one.interface for one in held if one.interface is not None})


def _neighbours(point: Point) -> Iterator[str]:
    """Spare what IPv6 asks on its segment: its addresses are of neither side, and no router sends it on."""
    if point.speaks_ipv6:
        yield f"icmpv6 type {{ {NEIGHBOURS} }} accept"


def _managed(point: Point, *, is_reply: bool = False) -> Iterator[str]:
    """Spare the host's own management."""
    for need in point.needs:
        if need.name != _own_management(point):
            continue
        for target in need.targets:
            yield from _management_rules(need, target, is_reply=is_reply)


def _management_rules(need: Need, target: Target, *, is_reply: bool) -> Iterator[str]:
    sides = ("daddr", "sport", "echo-reply") if is_reply else ("saddr", "dport", "echo-request")
    for version, family in FAMILIES.items():
        who = address_words(need.source, version)
        if not who or of_version(target.addresses, version).is_empty:
            continue
        what = f"{'icmp' if version == 4 else 'icmpv6'} type {sides[2]}"
        if target.protocol != "icmp":
            what = f"{target.protocol} {sides[1]} {one_or_set(port_words(target.ports))}"
        yield f"{family} {sides[0]} {one_or_set(who)} {what} accept"


def _asked_from_outside(point: Point) -> Iterator[str]:
    """
    Cut clients outside from a guard on both sides: no packet of theirs crosses, but their words do.

    So it is with whatever else they may ask the host. What a tunnel carries is judged by its own addresses.
    """
    for need in point.needs:
        if need.kind is not NeedKind.TUNNEL and need.name != _own_management(point):
            for target in need.targets:
                yield from _outsiders(point, target)


def _own_management(point: Point) -> str:
    return f"management of {point.name}"


def _outsiders(point: Point, target: Target) -> Iterator[str]:
    for version, family in FAMILIES.items():
        own = of_version(target.addresses & point.own, version)
        if own.is_empty:
            continue
        outside = f"{family} saddr != @inside{version} "
        if of_version(point.places.inside, version).is_empty:
            outside = ""
        at = f"{family} daddr {one_or_set(address_words(own, version))}"
        yield f"{outside}{at} {service_words(target, version)} goto cut"
