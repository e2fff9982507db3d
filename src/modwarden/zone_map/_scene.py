"""What is on the map: zones in rows by level, and between them what connects them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from modwarden.model import Asset, Site, Zone
from modwarden.site.proof import Proof, names_in_ranges

# More boxes than this in one zone nobody reads.
_MOST_GROUPS = 24


class Kind(StrEnum):
    """What a box on the map is."""

    ZONE = "zone"
    ROUTER = "router"
    GUARD = "guard"
    HOST = "host"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Group:
    """Assets of one zone that are drawn as one box."""

    label: str
    count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the map, and its row; zones stand in even rows, what connects them in odd ones."""

    key: str
    kind: Kind
    row: int
    title: str
    lines: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two boxes."""

    one: str
    other: str
    kind: Kind
    label: str = ""


@dataclass(slots=True)
class Scene:
    """All boxes and lines, and the numbers of the violations that lead over them."""

    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    red: dict[frozenset[str], list[int]] = field(default_factory=dict)

    def rows(self) -> list[list[Node]]:
        """List the boxes row by row."""
        last = max((node.row for node in self.nodes.values()), default=0)
        return [[node for node in self.nodes.values() if node.row == row] for row in range(last + 1)]


def build_scene(site: Site, proof: Proof | None) -> Scene:
    """Gather what the map shows."""
    scene = Scene()
    levels = sorted({_height(zone) for zone in site.zones.values()}, reverse=True)
    rows = {zone.name: 2 * levels.index(_height(zone)) for zone in site.zones.values()}
    for zone in site.zones.values():
        node = _zone_node(site, zone, rows[zone.name])
        scene.nodes[node.key] = node
    for asset in site.assets.values():
        _add_connecting(scene, site, asset, {str(name): row for name, row in rows.items()})
    _add_conduits(scene, site, {str(name): row for name, row in rows.items()})
    for number, violation in enumerate(proof.violations if proof is not None else (), start=1):
        for link in dict.fromkeys(_links_of(scene, violation.path)):
            scene.red.setdefault(link, []).append(number)
    return scene


def _height(zone: Zone) -> int:
    # A zone without a level is held for the outside.
    return 4 if zone.level is None else zone.level


def zones_of(site: Site, asset: Asset) -> list[str]:
    """List the zones that an asset stands in or comes to, the outermost first."""
    found = {} if asset.connections.forwards else {str(asset.zone): None}
    for address in asset.addresses:
        zone = site.zone_at(address)
        found[str(asset.zone if zone is None else zone.name)] = None
    found |= dict.fromkeys(str(zone) for zone in asset.connections.moves_between)
    by_name = {str(zone.name): zone for zone in site.zones.values()}
    return sorted(found, key=lambda name: -_height(by_name[name]))


def _zone_node(site: Site, zone: Zone, row: int) -> Node:
    lines = [", ".join(str(network) for network in zone.networks) or "no networks"]
    vlans = ", ".join(str(number) for number in dict.fromkeys(zone.vlans.values()))
    lines[0] += f" · VLAN {vlans}" if vlans else ""
    if zone.place.location is not None:
        lines.append(zone.place.location)
    level = "no level" if zone.level is None else f"level {zone.level}"
    target = f" · SL-T {zone.sl_t}" if zone.sl_t is not None else ""
    title = f"{zone.name} · {level}{target}"
    return Node(str(zone.name), Kind.ZONE, row, title, tuple(lines), tuple(_groups(site, zone)), zone.level)


def _groups(site: Site, zone: Zone) -> Iterator[Group]:
    guards = {conduit.guard for conduit in site.conduits.values()}
    inside = [
        asset
        for asset in site.assets.values()
        if asset.zone == zone.name and not _is_drawn_apart(site, asset)
    ]
    notes: dict[str, list[Asset]] = {}
    for asset in inside:
        relay = asset.connections.relay
        note = "guard" if asset.name in guards else relay.kind.replace("_", " ") if relay is not None else ""
        notes.setdefault("on a bus" if asset.via is not None else note, []).append(asset)
    groups = [
        Group(label, _count(label), note)
        for note, assets in notes.items()
        for label in names_in_ranges(asset.name for asset in assets)
    ]
    yield from groups[:_MOST_GROUPS]
    rest = groups[_MOST_GROUPS:]
    if rest:
        yield Group(f"{len(rest)} more", sum(group.count for group in rest))


def _count(label: str) -> int:
    if "[" not in label:
        return 1
    low, _, high = label[label.index("[") + 1 : label.index("]")].partition("-")
    return int(high) - int(low) + 1


def _is_drawn_apart(site: Site, asset: Asset) -> bool:
    connections = asset.connections
    return connections.forwards or len(zones_of(site, asset)) > 1


def _add_connecting(scene: Scene, site: Site, asset: Asset, rows: dict[str, int]) -> None:
    zones = zones_of(site, asset)
    connections = asset.connections
    if asset.via is None and _is_drawn_apart(site, asset):
        kind = Kind.ROUTER if connections.forwards else Kind.HOST
        note = _note_of(asset)
        row = _gap([rows[zone] for zone in zones] or [rows[str(asset.zone)]])
        scene.nodes[str(asset.name)] = Node(str(asset.name), kind, row, str(asset.name), (note,))
        for zone in zones:
            scene.links.append(Link(zone, str(asset.name), kind))
    for access in connections.remote_access:
        key = f"{access.kind} {asset.name}"
        target = str(asset.name) if str(asset.name) in scene.nodes else str(asset.zone)
        row = _gap([rows[str(access.from_zone)], rows[str(asset.zone)]])
        who = (access.who,) if access.who is not None else ()
        scene.nodes[key] = Node(key, Kind.ACCESS, row, f"{access.kind} into {asset.name}", who)
        scene.links.append(Link(str(access.from_zone), key, Kind.ACCESS))
        scene.links.append(Link(key, target, Kind.ACCESS))


def _note_of(asset: Asset) -> str:
    connections = asset.connections
    if connections.forwards:
        files = ", ".join(file.path.name for file in connections.rulesets)
        return f"rules: {files}" if files else "no rule set: lets everything pass"
    if connections.moves_between:
        return "is carried between zones"
    return connections.relay.kind.replace("_", " ") if connections.relay is not None else "dual-homed"


def _gap(rows: list[int]) -> int:
    """Choose the odd row below the highest of some zones; what stands on one zone alone stands under it."""
    return min(rows) + 1


def _add_conduits(scene: Scene, site: Site, rows: dict[str, int]) -> None:
    for conduit in site.conduits.values():
        key = f"conduit {conduit.name}"
        lines = [f"guard {conduit.guard} · {conduit.verdicts}", _counted(len(conduit.rules), "rule")]
        if conduit.protection.encryption is not None:
            lines.append(f"encryption: {conduit.protection.encryption}")
        ends = [*map(str, conduit.from_zones), str(conduit.to_zone)]
        row = max(rows[str(conduit.to_zone)] - 1, 1)
        scene.nodes[key] = Node(key, Kind.GUARD, row, f"conduit {conduit.name}", tuple(lines))
        for zone in dict.fromkeys(ends):
            scene.links.append(Link(zone, key, Kind.GUARD, "" if zone != str(conduit.to_zone) else "to"))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _links_of(scene: Scene, path: tuple[str, ...]) -> Iterator[frozenset[str]]:
    known = [frozenset((link.one, link.other)) for link in scene.links]
    places = [place for place in path if place in scene.nodes]
    for one, other in pairwise(places):
        pair = frozenset((one, other))
        if pair in known:
            yield pair
