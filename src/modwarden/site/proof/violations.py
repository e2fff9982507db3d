"""
What the walks show against the zones' rules, each with its shortest path.

Kept true here:
* between levels 3 and up and levels 0 and 1 every path ends in a relay or guard of level 2; a zone without a
  level counts as outside;
* a path is told once: from the last zone outside that it stands in, and to the first of the plant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modwarden.model import INTERNET, Asset, Evidence, Finding, Origin, Severity, Site, Zone
from modwarden.site.proof.space import DESTINATION, SERVICE, Space
from modwarden.site.proof.topology import Topology, carriers
from modwarden.site.proof.walk import Reached, Step, Walk, shortest
from modwarden.site.proof.words import listed, names_in_ranges, path_in_words, services_in_words
from modwarden.site.rulesets.sets import IntervalSet, address_number, service

_TCP = 6
# Modbus TCP and Modbus/TCP Security.
_MODBUS_PORTS = ((502, 503), (802, 803))
_HINTS = {
    "it-reaches-ot": "let it end at a guard or relay of the DMZ (IEC 62443-3-3 SR 5.1, SR 5.2)",
    "host-around-dmz": "take one of its connections away, or have it end in the DMZ (SR 5.1, SR 5.2)",
    "vpn-around-dmz": "let this way in end in the DMZ (SR 1.13, SR 5.2)",
    "ot-reaches-it": "let it end at a relay of the DMZ, which sends it on (SR 5.1, SR 5.2)",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """What was found, and the zones and assets that its path leads through."""

    finding: Finding
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """Holds walks against the rules."""

    topology: Topology

    @property
    def site(self) -> Site:
        """The site."""
        return self.topology.site

    @property
    def space(self) -> Space:
        """The axes."""
        return self.topology.space

    def against_dmz(self, walk: Walk) -> Iterator[Violation]:
        """Find paths from outside into the plant that nothing in the DMZ ends."""
        start = self.site.zones[walk.start]
        groups: dict[tuple[str, str], list[Reached]] = {}
        for one in walk.reached:
            target = self.site.zones[one.zone]
            if target.is_ot and not self._ends_in_tunnel(one) and not self._is_told_elsewhere(one, start):
                groups.setdefault((str(one.zone), _name(one.step)), []).append(one)
        for (target_name, name), reached in groups.items():
            yield self._violation(name, start, target_name, reached)

    def outward(self, walk: Walk) -> Iterator[Violation]:
        """Find paths from the plant outwards that nothing in the DMZ ends."""
        start = self.site.zones[walk.start]
        groups: dict[str, list[Reached]] = {}
        for one in walk.reached:
            if self.site.zones[one.zone].is_it and not self._ends_in_tunnel(one):
                groups.setdefault(str(one.zone), []).append(one)
        for target, reached in groups.items():
            yield self._violation("ot-reaches-it", start, target, reached)

    def modbus(self, walk: Walk) -> Iterator[Violation]:
        """Find Modbus that the internet reaches."""
        start = self.site.zones[walk.start]
        reached = [kept for one in walk.reached if (kept := self._modbus_part(one)) is not None]
        found = shortest(iter(reached))
        if found is None:
            return
        what = f"{start.name} reaches Modbus: {self._assets_in_words(reached)}"
        hint = "let nothing from there pass to a Modbus port, guarded or not (SR 5.2 RE 1)"
        yield self._finding("modbus-from-internet", found, what, hint)

    def _modbus_part(self, one: Reached) -> Reached | None:
        if one.router is not None and not one.router.unit_ids and not one.is_taken:
            return None
        mask = self.space.service_mask(service(_TCP, IntervalSet(_MODBUS_PORTS)))
        known = 0
        for asset in self.site.assets.values():
            if asset.unit_ids and asset.via is None:
                known |= self.topology.addresses_of[asset.name] & one.packets[DESTINATION]
        zone = self.site.zones[one.zone]
        there = one.packets[DESTINATION] if zone.is_ot or zone.is_dmz else known
        services = one.packets[SERVICE] & (mask | self._declared(known))
        if not there or not services or (not known and not one.packets[SERVICE] & mask):
            return None
        packets = (one.packets[0], there, services, one.packets[3])
        return Reached(one.zone, packets, one.step, one.router)

    def _declared(self, known: int) -> int:
        found = 0
        for asset in self.site.assets.values() if known else ():
            if asset.unit_ids and self.topology.addresses_of[asset.name] & known:
                found |= self.space.service_mask(service(_TCP, IntervalSet(((asset.port, asset.port + 1),))))
        return found

    def _ends_in_tunnel(self, one: Reached) -> bool:
        """Say whether it is a tunnel's own packet at its end, which takes its peer's alone: an assumption."""
        router = one.router
        if router is None or one.is_taken:
            return False
        for tunnel, end in self.site.tunnel_ends(router.name):
            if end.address is None:
                continue
            number = address_number(end.address)
            outer = self.space.addresses.mask([(number, number + 1)])
            carried = self.space.service_mask(IntervalSet.of(carriers(tunnel, end)))
            if not one.packets[DESTINATION] & ~outer and not one.packets[SERVICE] & ~carried:
                return True
        return False

    def _is_told_elsewhere(self, one: Reached, start: Zone) -> bool:
        """Say whether the path stands, on its way, in another zone outside or already in the plant."""
        return any(self._ends_before(step, one, start) for step in one.step.hops()[1:])

    def _ends_before(self, step: Step, one: Reached, start: Zone) -> bool:
        is_way_in = step.kind == "access" and step.inward == 0
        if step.zone is None or not (step.kind in ("host", "carried") or is_way_in):
            return False
        zone = self.site.zones[step.zone]
        if zone.is_it and zone.name != start.name:
            return True
        is_entry = step.before is not None and step.before.asset is not step.asset and not is_way_in
        # Going on from a host into the zone where the path arrives is what is told; all else is within.
        return zone.is_ot and (is_entry or zone.name != one.zone)

    def _violation(self, name: str, start: Zone, target: str, reached: list[Reached]) -> Violation:
        # A host's other leg is no more than the way: name what lies behind it, where anything does.
        behind = [one for one in reached if one.step.asset is None or not self._is_itself(one)]
        found = shortest(iter(behind or reached))
        assert found is not None
        what = f"{start.name} reaches {target}{_around(name)}: {self._assets_in_words(reached)}"
        return self._finding(name, found, what, _HINTS[name])

    def _is_itself(self, one: Reached) -> bool:
        asset = one.step.asset
        return asset is not None and not one.packets[DESTINATION] & ~self.topology.addresses_of[asset.name]

    def _finding(self, name: str, found: Reached, what: str, hint: str) -> Violation:
        preferred = self.space.service_mask(service(_TCP, IntervalSet(_MODBUS_PORTS)))
        packets = self._toward_asset(found)
        path = path_in_words(self.site, self.space, found.step, packets, preferred)
        finding = Finding(name, Severity.ERROR, what, hint, _opened_at(path), evidence=path)
        return Violation(finding, tuple(_places(found)))

    def _toward_asset(self, found: Reached) -> tuple[int, int, int, int]:
        """Prefer an address that has a name, so that the path ends at something to look at."""
        for asset in self.site.assets.values():
            both = found.packets[DESTINATION] & self.topology.addresses_of[asset.name]
            if both and asset.zone == found.zone and asset is not found.step.asset:
                return (found.packets[0], both, found.packets[2], found.packets[3])
        return found.packets

    def _assets_in_words(self, reached: Iterable[Reached]) -> str:
        to, services = 0, 0
        for one in reached:
            to |= one.packets[DESTINATION]
            services |= one.packets[SERVICE]
        assets: list[Asset] = [
            asset for asset in self.site.assets.values() if self.topology.addresses_of[asset.name] & to
        ]
        on = services_in_words(self.space, services)
        if not assets:
            return f"addresses without an asset on {on}"
        count = "1 asset" if len(assets) == 1 else f"{len(assets)} assets"
        return f"{count} ({listed(names_in_ranges(asset.name for asset in assets))}) on {on}"


def _places(found: Reached) -> Iterator[str]:
    last = ""
    for step in found.step.hops():
        if step.access is not None:
            yield f"{step.access.kind} {step.asset.name if step.asset is not None else ''}"
        elif step.asset is not None and step.asset.name != last:
            last = step.asset.name
            yield str(step.asset.name)
        if step.zone is not None and step.kind not in ("host", "carried"):
            yield str(step.zone)
    yield str(found.zone)


def _name(step: Step) -> str:
    kinds = {hop.kind for hop in step.hops()}
    if "access" in kinds:
        return "vpn-around-dmz"
    return "host-around-dmz" if kinds & {"host", "carried"} else "it-reaches-ot"


def _around(name: str) -> str:
    return {
        "vpn-around-dmz": " by a way in around the DMZ",
        "host-around-dmz": " through a host around the DMZ",
    }.get(name, "")


def _opened_at(path: tuple[Evidence, ...]) -> Origin:
    """Blame the last line that lets it on: the rule or asset before the arrival."""
    return path[-2].origin if len(path) > 1 else path[-1].origin


def is_outside(zone: Zone) -> bool:
    """Say whether a zone is the internet's."""
    return zone.level == INTERNET
