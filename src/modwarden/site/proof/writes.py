"""Who can write what: the network path to a guard's listener, and behind it the guard's Modbus policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from modwarden.model import (
    AssetName,
    Conduit,
    Evidence,
    Finding,
    Insertion,
    OnGuardFailure,
    Origin,
    PointName,
    Rule,
    RuleKind,
    RuleName,
    Severity,
    Socket,
    ZoneName,
)
from modwarden.site.lint.reach import units_of
from modwarden.site.lint.rules import permits_writes
from modwarden.site.proof.never import points_left
from modwarden.site.proof.space import DESTINATION, SERVICE, SOURCE, Packets
from modwarden.site.proof.topology import Topology
from modwarden.site.proof.walk import Reached, Walk, shortest
from modwarden.site.proof.words import listed, names_in_ranges, path_in_words
from modwarden.site.rulesets.sets import IntervalSet, address_number, network_interval, service

_TCP = 6


@dataclass(frozen=True, slots=True)
class Writes:
    """A zone that can write: by which rule of which conduit, which points of which assets."""

    zone: ZoneName
    conduit: str
    rule: RuleName
    assets: tuple[AssetName, ...]
    points: tuple[PointName, ...] | None
    """None: whatever its ranges and functions name, points or not."""
    origin: Origin

    def __str__(self) -> str:
        points = (
            "whatever the rule names"
            if self.points is None
            else listed([str(point) for point in self.points])
        )
        assets = listed(names_in_ranges(self.assets))
        return f"{self.zone} can write {points} of {assets} by {self.conduit}/{self.rule}"


def writes_of(topology: Topology, walk: Walk) -> Iterator[Writes]:
    """List what a zone can write through the guards, but for what a `never` rule forbids wholly."""
    for conduit in topology.site.conduits.values():
        arriving = _arriving(topology, walk, conduit)
        for rule in conduit.rules:
            if rule.kind is not RuleKind.PERMIT or not permits_writes(rule):
                continue
            held = [
                asset
                for asset in units_of(topology.site, conduit, rule)
                if _may(topology, (conduit, rule), arriving, asset)
            ]
            for points, assets in _left(topology, conduit, rule, held).items():
                yield Writes(walk.start, conduit.name, rule.name, tuple(assets), points, rule.origin)


def _may(
    topology: Topology, held: tuple[Conduit, Rule], arriving: dict[AssetName, int], asset: AssetName
) -> bool:
    conduit, rule = held
    via = topology.site.assets[asset].via
    sources = arriving.get(asset, 0) | (arriving.get(via, 0) if via is not None else 0)
    # Who asks at a serial port has no address that a rule could leave out.
    if rule.clients is None or conduit.client is not None:
        return bool(sources)
    clients = IntervalSet.of(network_interval(network) for network in rule.clients)
    return bool(sources & topology.space.address_mask(clients))


def _left(
    topology: Topology, conduit: Conduit, rule: Rule, assets: list[AssetName]
) -> dict[tuple[PointName, ...] | None, list[AssetName]]:
    """Put together the assets of which the same points may be written."""
    found: dict[tuple[PointName, ...] | None, list[AssetName]] = {}
    for asset in assets:
        points = points_left(topology.site, conduit, rule, asset)
        if points != ():
            found.setdefault(points, []).append(asset)
    return found


def _arriving(topology: Topology, walk: Walk, conduit: Conduit) -> dict[AssetName, int]:
    """Give, by server, the source addresses of a zone that reach the guard's listener for it."""
    guard = topology.site.assets[conduit.guard]
    if conduit.transparent is not None and guard.connections.forwards:
        return _taken(topology, walk, conduit)
    found: dict[AssetName, int] = {}
    own = topology.owned[walk.start]
    everything = topology.space.everything
    at_home: Packets = (own, own, everything[2], everything[3])
    held = [at_home, *(one.packets for one in walk.reached)]
    # No router stands before a guard that is the wire, or the end of a bus.
    is_wire = conduit.insertion is not Insertion.PROXY and walk.start in conduit.from_zones
    for binding in conduit.servers:
        found[binding.asset] = own if is_wire else 0
        for socket, packets in product(topology.site.sockets(conduit, binding), held):
            to, port = _listener(topology, conduit.guard, socket)
            if packets[DESTINATION] & to and packets[SERVICE] & port:
                found[binding.asset] |= packets[SOURCE]
    return found


def _taken(topology: Topology, walk: Walk, conduit: Conduit) -> dict[AssetName, int]:
    """The same where the host of a guard in the wire is a router, whose rules say what the guard takes."""
    found: dict[AssetName, int] = {}
    for binding in conduit.servers:
        found[binding.asset] = 0
        for socket, one in product(topology.site.sockets(conduit, binding), walk.reached):
            to, port = topology.socket_masks(socket)
            is_here = one.is_taken and one.router is not None and one.router.name == conduit.guard
            if is_here and one.packets[DESTINATION] & to and one.packets[SERVICE] & port:
                found[binding.asset] |= one.packets[SOURCE]
    return found


def _listener(topology: Topology, guard: AssetName, socket: Socket) -> tuple[int, int]:
    number, port = address_number(socket.address), socket.port
    # A listener on 0.0.0.0 or :: takes whatever comes to an address of its host.
    own = topology.addresses_of[guard]
    to = own if socket.address.is_unspecified else topology.space.addresses.mask([(number, number + 1)])
    return to, topology.space.service_mask(service(_TCP, IntervalSet(((port, port + 1),))))


def around_the_guard(topology: Topology, walk: Walk) -> Iterator[Finding]:
    """Find guarded servers whose Modbus a zone reaches without the guard."""
    site = topology.site
    for conduit in site.conduits.values():
        if conduit.to_zone == walk.start:
            continue
        guard = topology.addresses_of[conduit.guard]
        reached, servers = [], []
        for binding in conduit.servers:
            past = [one for one in _past(topology, walk, binding.asset, guard) if not _chosen(conduit, one)]
            reached += past
            servers += [binding.asset] if past else []
        found = shortest(iter(reached))
        if found is None:
            continue
        names = listed(names_in_ranges(servers))
        what = f"{walk.start} reaches {names} without the guard of {conduit.name!r}"
        hint = f"let only {conduit.guard} pass to the Modbus ports of {conduit.to_zone} (SR 5.2 RE 1)"
        path: tuple[Evidence, ...] = path_in_words(site, topology.space, found.step, found.packets, 0)
        yield Finding("around-the-guard", Severity.WARNING, what, hint, path[-2].origin, evidence=path)


def _chosen(conduit: Conduit, one: Reached) -> bool:
    """Say whether it passes the guard's own host, whose operator chose that while the guard is away."""
    is_open = conduit.on_failure.guard is OnGuardFailure.OPEN
    return is_open and one.step.asset is not None and one.step.asset.name == conduit.guard


def _past(topology: Topology, walk: Walk, server: AssetName, guard: int) -> Iterator[Reached]:
    asset = topology.site.assets[server]
    to = topology.addresses_of[server]
    port = topology.space.service_mask(service(_TCP, IntervalSet(((asset.port, asset.port + 1),))))
    for one in walk.reached:
        if one.is_taken:
            continue
        source, there, services = one.packets[0] & ~guard, one.packets[1] & to, one.packets[2] & port
        if source and there and services:
            yield Reached(one.zone, (source, there, services, one.packets[3]), one.step)
