"""
What one sender may spend of an enforcement point: new connections, and lines of its log.

Kept true here:
* only what would have passed is counted, so that refused packets use up nobody's share;
* a limit only ever drops: what passes within it is what passes without it;
* no packet makes a line of the log without a limit.
"""

import re
from collections.abc import Iterable, Iterator

from modwarden.hardening.point import Point

# A SCADA server that polls 200 controllers and loses its network reconnects to each; whoever opens more than
# a hundred a second for longer than that is no client of a plant. The burst grows with the site.
NEW_PER_SOURCE_PER_SECOND = 100
_LEAST_BURST = 200
# Ten such senders at one interface. A table of 262,144 connections then takes four minutes to fill, twice the
# time for which the kernel remembers a SYN without an answer.
NEW_PER_INTERFACE_PER_SECOND = 1000
_INTERFACE_RATE = (
    f"rate over {NEW_PER_INTERFACE_PER_SECOND}/second burst {2 * NEW_PER_INTERFACE_PER_SECOND} packets"
)
# At some 200 bytes a line 86 MB a day, whatever arrives.
LOGGED_PER_SECOND = 5
_SOURCES = {4: ("ipv4_addr", "ip saddr"), 6: ("ipv6_addr", "ip6 saddr & ffff:ffff:ffff:ffff::")}
# Senders that are counted at once: as many as a /16 has. One more is let pass uncounted.
_MOST_SOURCES = 65535


def flood_sets(point: Point, versions: Iterable[int]) -> Iterator[str]:
    """Write what senders are counted in: by address, in IPv6 by network of 64 bits."""
    for version in versions:
        kind, _ = _SOURCES[version]
        yield f"set new_by_source{version} {{"
        yield f"\ttype {kind}; size {_MOST_SOURCES}; flags dynamic, timeout; timeout 1m;"
        yield "}"
    for leg in point.legs:
        yield f"limit {_limit_name(leg.name)} {{ {_INTERFACE_RATE} }}"


def flood_rules(point: Point, versions: Iterable[int], hook: str) -> Iterator[str]:
    """Write the chain behind the one that lets pass."""
    rate = f"rate over {NEW_PER_SOURCE_PER_SECOND}/second burst {_burst(point)} packets"
    yield f"chain {hook}_floods {{"
    yield f"\ttype filter hook {hook} priority filter + 10; policy accept;"
    yield "\tct state != new accept"
    yield '\tiifname "lo" accept'
    for version in versions:
        _, field = _SOURCES[version]
        yield f'\tupdate @new_by_source{version} {{ {field} limit {rate} }} goto flooded comment "one sender"'
    for leg in point.legs:
        name = _limit_name(leg.name)
        yield f'\tiifname "{leg.name}" limit name "{name}" goto flooded comment "all of {leg.name}"'
    yield "}"


def refusing_chains(point: Point) -> Iterator[str]:
    """Write the chains that refuse, count and tell."""
    names = ("flooded", "spoofed") if point.forwards else ("flooded",)
    for name in names:
        yield f"chain {name} {{"
        yield f"\t{logged(name)}"
        yield "\tcounter drop"
        yield "}"


def logged(word: str) -> str:
    """Write the rule that tells what was refused, as far as the log bears it."""
    rate = f"rate {LOGGED_PER_SECOND}/second burst {4 * LOGGED_PER_SECOND} packets"
    return f'limit {rate} log prefix "modwarden {word}: "'


def _burst(point: Point) -> int:
    sockets = sum(len(conduit.servers) for conduit in point.site.conduits.values())
    return max(_LEAST_BURST, 2 * sockets)


def _limit_name(interface: str) -> str:
    """Name an interface's limit; not every character of an interface's name may stand in one."""
    return "new_from_" + re.sub(r"[^A-Za-z0-9_.-]", "_", interface)
