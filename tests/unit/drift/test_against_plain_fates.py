"""
Differences with sets against single packets.

Invariant tested: over drawn rule sets and changes of them (a rule dropped, added, moved, changed, a policy, a
table), a packet lies in a difference exactly when its fate differs, and in the kind that it differs by.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.doubles.drawn_worlds import Drawn, piece, plain_world, worlds
from tests.doubles.packet_walk import Flying, PlainRouter
from tests.doubles.plain_fates import Fate, packets_at, plain_fate

from modwarden.drift.differences import Change, differences
from modwarden.drift.fates import Fates, Path
from modwarden.drift.ground import Ground
from modwarden.model import AssetName
from modwarden.site import load_site
from modwarden.site.proof.space import Box, lowest
from modwarden.site.rulesets import Ruleset, parse_nft_text
from modwarden.site.rulesets.sets import PORTS

if TYPE_CHECKING:
    import pytest

_RULE = re.compile(
    r"^    (?!type |ct state)(.*(?:accept|drop|inner|return|dnat to|snat to|masquerade|redirect).*)$"
)
_PACKETS = 400
_OTHERS = (
    "accept",
    "drop",
    "ip saddr 10.0.0.0/24 accept",
    "ip daddr 10.0.1.11 tcp dport 502 drop",
    'iifname "to-b" return',
    "meta l4proto udp drop",
)


def mutated(text: str, seed: int) -> str:
    """Change one thing of a rule set."""
    chosen = random.Random(seed)
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines) if _RULE.match(line)]
    policies = [number for number, line in enumerate(lines) if "policy" in line]
    kind = chosen.choice(["drop", "insert", "move", "change", "policy", "nothing"])
    if kind == "policy" or not places:
        at = chosen.choice(policies)
        other = {"accept": "drop", "drop": "accept"}
        lines[at] = re.sub(r"policy (accept|drop)", lambda found: f"policy {other[found[1]]}", lines[at])
        return "\n".join(lines)
    at = chosen.choice(places)
    if kind == "drop":
        del lines[at]
    elif kind == "insert" and "nat" not in "".join(lines[max(0, at - 2) : at]):
        lines.insert(at, f"    {chosen.choice(_OTHERS)}")
    elif kind == "move":
        # Within its chain: elsewhere no kernel would take it, or chains would call each other in a circle.
        lines.insert(
            chosen.choice([n for n in places if chain_at(lines, n) == chain_at(lines, at)]), lines.pop(at)
        )
    elif kind == "change":
        old, new = chosen.choice([("502", "600"), ("10.0.0.", "10.0.1."), ("drop", "accept"), (".11", ".12")])
        lines[at] = lines[at].replace(old, new)
    return "\n".join(lines)


def chain_at(lines: list[str], number: int) -> int:
    """Give the line at which a rule's chain begins."""
    return max(n for n, line in enumerate(lines[:number]) if line.startswith("  chain "))


def found_by_sets(
    ground: Ground, sides: tuple[tuple[Ruleset, ...], tuple[Ruleset, ...]]
) -> list[tuple[str, Change, Box]]:
    model, loaded = (Fates(ground, side) for side in sides)
    return [
        (path.value, one.change, one.box)
        for path in (Path.FORWARD, Path.INPUT)
        for one in differences(model, loaded, path)
    ]


def holds(ground: Ground, box: Box, packet: Flying, inward: str, outward: str) -> bool:
    space = ground.space
    bits = {name: 1 << number for number, name in enumerate(ground.interfaces)} | {"": ground.no_interface}
    numbers = (
        piece(space.addresses, packet.source),
        piece(space.addresses, packet.destination),
        piece(space.services, packet.protocol * PORTS + packet.port),
        piece(space.source_ports, packet.source_port),
        bits[inward],
        bits[outward],
    )
    return all(mask & bit for mask, bit in zip(box, numbers, strict=True))


def kind_of(before: Fate, after: Fate) -> Change | None:
    if before == after:
        return None
    if before and after:
        return Change.REWRITES
    return Change.OPENS if after else Change.CLOSES


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=worlds(most_routers=1, most_hosts=0), seed=st.integers(0, 2**32))
def test_a_packet_lies_in_a_difference_exactly_when_its_fate_differs(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drift")
    (folder / "site.yaml").write_text(drawn.site)
    (folder / "r0.nft").write_text(drawn.rulesets["r0"])
    site = load_site(folder / "site.yaml")
    before = (parse_nft_text(drawn.rulesets["r0"], "r0.nft"),)
    after = (parse_nft_text(mutated(drawn.rulesets["r0"], seed), "loaded"),)
    ground = Ground(site, site.assets[AssetName("r0")], {}, (before, after))
    (plain,) = plain_world(drawn).routers
    ours, theirs = (PlainRouter(plain.interfaces, side) for side in (before, after))
    by_sets = found_by_sets(ground, (before, after))

    for key in chosen_packets(ours, seed):
        path, packet, inward, outward = key
        kinds = {
            change
            for of, change, box in by_sets
            if of == path and holds(ground, box, packet, inward, outward)
        }
        expected = kind_of(plain_fate(ours, *key), plain_fate(theirs, *key))
        assert kinds == ({expected} if expected else set()), key


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=worlds(most_routers=1, most_hosts=0), seed=st.integers(0, 2**32))
def test_one_packet_of_each_difference_has_another_fate(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drift")
    (folder / "site.yaml").write_text(drawn.site)
    (folder / "r0.nft").write_text(drawn.rulesets["r0"])
    site = load_site(folder / "site.yaml")
    before = (parse_nft_text(drawn.rulesets["r0"], "r0.nft"),)
    after = (parse_nft_text(mutated(drawn.rulesets["r0"], seed), "loaded"),)
    ground = Ground(site, site.assets[AssetName("r0")], {}, (before, after))
    (plain,) = plain_world(drawn).routers
    ours, theirs = (PlainRouter(plain.interfaces, side) for side in (before, after))

    for path, change, box in found_by_sets(ground, (before, after)):
        key = (path, *one_of(ground, box, path))
        if key[1].source < 2**32:
            assert kind_of(plain_fate(ours, *key), plain_fate(theirs, *key)) == change, key


def chosen_packets(router: PlainRouter, seed: int) -> list[tuple[str, Flying, str, str]]:
    everything = list(packets_at(router))
    return random.Random(seed).sample(everything, min(_PACKETS, len(everything)))


def one_of(ground: Ground, box: Box, path: str) -> tuple[Flying, str, str]:
    """Take the first packet of a box."""
    space = ground.space
    number = space.services.cuts[lowest(box[2])]
    packet = Flying(
        space.addresses.cuts[lowest(box[0])],
        space.addresses.cuts[lowest(box[1])],
        number // PORTS,
        number % PORTS,
        space.source_ports.cuts[lowest(box[3])],
    )
    names = [*ground.interfaces, ""]
    return packet, names[lowest(box[4])], "" if path == "input" else names[lowest(box[5])]
