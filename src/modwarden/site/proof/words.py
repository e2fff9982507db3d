"""What a proof found, in words: services, assets in ranges, hops."""

import re
from collections.abc import Iterable, Iterator, Sequence

from modwarden.model import Address, Asset, AssetName, Evidence, Site, Zone
from modwarden.site.proof.space import SERVICE, Packets, Space
from modwarden.site.proof.walk import Step
from modwarden.site.rulesets import Rule
from modwarden.site.rulesets.sets import PORTS, SERVICES

_NUMBERED = re.compile(r"^(.*?)(\d+)(\D*)$")
_PROTOCOL_WORDS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_FEW = 4


def services_in_words(space: Space, mask: int) -> str:
    """Write a set of services: `tcp/502, udp/161`, `tcp`, `any service`."""
    found = list(space.intervals(space.services, mask))
    if found == [SERVICES]:
        return "any service"
    words = [word for first, end in found for word in _span_words(first, end)]
    return f"{', '.join(words[:_FEW])} and more" if len(words) > _FEW else ", ".join(words)


def _span_words(first: int, end: int) -> Iterator[str]:
    if (end - 1) // PORTS - first // PORTS > 1 or (
        first % PORTS == 0 and end % PORTS == 0 and end - first > PORTS
    ):
        yield f"protocols {first // PORTS}-{(end - 1) // PORTS}"
        return
    while first < end:
        protocol = first // PORTS
        last = min(end, (protocol + 1) * PORTS) - 1
        name = _PROTOCOL_WORDS.get(protocol, f"protocol {protocol}")
        low, high = first % PORTS, last % PORTS
        yield (
            name
            if (low, high) == (0, PORTS - 1)
            else f"{name}/{low}"
            if low == high
            else f"{name}/{low}-{high}"
        )
        first = last + 1


def names_in_ranges(names: Iterable[AssetName]) -> list[str]:
    """Write names as the site file does: `ahu-[001-200]` for 200 that follow each other."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    plain = []
    for name in names:
        found = _NUMBERED.match(name)
        if found is None:
            plain.append(str(name))
            continue
        groups.setdefault((found[1], found[3], len(found[2])), []).append(int(found[2]))
    ranges = [text for key, numbers in groups.items() for text in _runs(key, sorted(numbers))]
    return [*plain, *ranges]


def _runs(key: tuple[str, str, int], numbers: Sequence[int]) -> Iterator[str]:
    before, after, width = key
    start = last = numbers[0]
    for number in [*numbers[1:], -2]:
        if number == last + 1:
            last = number
            continue
        low, high = f"{start:0{width}d}", f"{last:0{width}d}"
        yield f"{before}{low}{after}" if start == last else f"{before}[{low}-{high}]{after}"
        start = last = number


def listed(words: Sequence[str]) -> str:
    """Write words in a line, the first few of many."""
    if len(words) <= _FEW:
        return ", ".join(words)
    return f"{', '.join(words[:_FEW])} and {len(words) - _FEW} more"


def networks_of(zone: Zone) -> str:
    """Write a zone with its networks."""
    held = listed([str(network) for network in zone.networks])
    return f"{zone.name} ({held})" if held else str(zone.name)


def path_in_words(
    site: Site, space: Space, step: Step, packets: Packets, preferred: int
) -> tuple[Evidence, ...]:
    """Write a path hop by hop, each with the line that opens it."""
    example = space.example(packets, preferred)
    hops = step.hops()
    written = [hop for one in hops for hop in _hop(site, one)]
    service = services_in_words(space, packets[SERVICE])
    target = _asset_at(site, example.destination)
    zone = site.zone_at(example.destination)
    where = zone.origin if zone is not None else site.origin
    name = f"{target.name} ({example.destination})" if target is not None else str(example.destination)
    place = target.zone if target is not None else (zone.name if zone is not None else "")
    end = Evidence(target.origin if target is not None else where, f"{name} in {place} answers: {service}")
    return (*written, end)


def _asset_at(site: Site, address: Address) -> Asset | None:
    inside = (end for tunnel in site.tunnels.values() for end in tunnel.ends if end.inside == address)
    return site.asset_at(address) or next((site.assets[end.asset] for end in inside), None)


def _hop(site: Site, step: Step) -> Iterator[Evidence]:
    if step.kind == "start":
        assert step.zone is not None
        zone = site.zones[step.zone]
        yield Evidence(zone.origin, f"from {networks_of(zone)}")
        return
    asset = step.asset
    assert asset is not None
    if step.access is not None:
        who = f" of {step.access.who}" if step.access.who else ""
        text = f"{step.access.kind}{who} from {step.access.from_zone} into {asset.name}"
        yield Evidence(step.access.origin, text)
    if step.tunnel is not None:
        peer = next(end.asset for end in step.tunnel.ends if end.asset != asset.name)
        text = f"the {step.tunnel.kind} tunnel {step.tunnel.name} carries it from {peer} to {asset.name}"
        yield Evidence(step.tunnel.origin, text)
    elif step.kind == "router" or (step.access is not None and asset.connections.forwards):
        yield from _router_hop(step)
    elif step.kind == "carried":
        zones = " and ".join(asset.connections.moves_between)
        if step.before is None or step.before.asset is not asset:
            yield Evidence(asset.origin.at("moves_between"), f"{asset.name} moves between {zones}")
    elif step.kind == "host" and (step.before is None or step.before.asset is not asset):
        yield Evidence(asset.origin, _host_words(site, step))


def _host_words(site: Site, step: Step) -> str:
    asset = step.asset
    assert asset is not None
    relay = asset.connections.relay
    held = (site.zone_at(address) for address in asset.addresses)
    zones = dict.fromkeys([str(asset.zone), *(str(zone.name) for zone in held if zone is not None)])
    kind = relay.kind.replace("_", " ") if relay is not None else "dual-homed"
    return f"{asset.name} ({kind}) stands in {' and '.join(zones)} and goes on from there"


def _router_hop(step: Step) -> Iterator[Evidence]:
    asset = step.asset
    assert asset is not None
    if not step.rules:
        has_rules = bool(asset.connections.rulesets)
        why = "no rule holds it back" if has_rules else "it has no rule set"
        yield Evidence(asset.origin, f"{asset.name} forwards it: {why}")
        return
    for rule in step.rules:
        yield Evidence(rule.origin, f"{asset.name}: `{rule.text}`{_doubt(rule)}")


def _doubt(rule: Rule) -> str:
    return f" (held to match whatever it says of {', '.join(rule.uncertain)})" if rule.uncertain else ""
