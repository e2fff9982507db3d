"""
From one zone, everything that its packets reach: a breadth-first walk over segments, routers and hosts.

Kept true here:
* the first way found to a place is one with the fewest hops;
* a host that carries on is entered once; behind it packets bear its own addresses, in a zone that a thing is
  carried into any of that zone's;
* where a path is broken the walk does not go on, unless it is asked to.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from modwarden.model import Asset, RemoteAccess, Tunnel, ZoneName
from modwarden.site.proof.router import Passed, Router, Rules
from modwarden.site.proof.space import DESTINATION, SERVICE, SOURCE, Packets
from modwarden.site.proof.topology import Host, Topology
from modwarden.site.proof.tunnels import Entrance
from modwarden.site.rulesets.sets import network_interval

_WIDE = 8
Stops: TypeAlias = Callable[[Host], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One hop, and the hops before it."""

    before: "Step | None"
    kind: str
    """`start`, `router`, `tunnel`, `host`, `carried` or `access`."""
    zone: ZoneName | None
    asset: Asset | None = None
    rules: Rules = ()
    access: RemoteAccess | None = None
    inward: int = 0
    outward: int = 0
    packets: Packets | None = None
    tunnel: Tunnel | None = None

    @property
    def length(self) -> int:
        """How many hops lead here."""
        return 0 if self.before is None else 1 + self.before.length

    def hops(self) -> list["Step"]:
        """List the hops from the first on."""
        listed = [] if self.before is None else self.before.hops()
        return [*listed, self]


@dataclass(frozen=True, slots=True)
class Reached:
    """Packets that arrive at addresses of a segment, or at a router itself, and how."""

    zone: ZoneName
    packets: Packets
    step: Step
    router: Asset | None = None
    is_taken: bool = False
    """A guard in the wire took them on the way to where they are addressed."""


@dataclass(slots=True)
class Walk:
    """The walk from one zone."""

    topology: Topology
    routers: tuple[Router, ...]
    start: ZoneName
    stops: Stops
    reached: list[Reached] = field(default_factory=list)
    entered: dict[str, Step] = field(default_factory=dict)
    _queue: deque[tuple[ZoneName | Entrance, Packets, Step, int | None]] = field(default_factory=deque)
    _seen: dict[tuple[str, str], dict[Packets, None]] = field(default_factory=dict)
    _present: set[ZoneName] = field(default_factory=set)

    def run_for(self, packets: Packets, asset: Asset | None = None) -> list[Reached]:
        """Walk with some packets of the zone only, by its segment and by tunnels of who sends them."""
        step = Step(None, "start", self.start)
        self._queue.append((self.start, packets, step, None))
        for entrance in self.topology.entrances.get(asset.name, ()) if asset is not None else ():
            for admitted in entrance.admitted:
                held = packets[0] & admitted[0], packets[1] & admitted[1]
                both = (*held, packets[2] & admitted[2], packets[3] & admitted[3])
                if all(both):
                    self._queue.append((entrance, both, step, None))
        return self._go_on()

    def run(self) -> list[Reached]:
        """Walk until nothing new is reached."""
        self._be_in(self.start, Step(None, "start", self.start))
        return self._go_on()

    def _go_on(self) -> list[Reached]:
        while self._queue:
            place, packets, step, next_hop = self._queue.popleft()
            if isinstance(place, Entrance):
                self._come_out(place, packets, step)
            else:
                self._arrive(place, packets, step, next_hop)
        return self.reached

    def _be_in(self, zone: ZoneName, step: Step) -> None:
        """Stand in a zone with any of its addresses, and use the ways in that start there."""
        if zone in self._present:
            return
        self._present.add(zone)
        self._send(zone, self.topology.owned[zone], step)
        self._use_ways_in(zone, step)
        for host in self.topology.hosts.get(zone, ()):
            if zone in host.asset.connections.moves_between:
                self._enter(host, step)
        for name in self.topology.entrances:
            asset = self.topology.site.assets[name]
            # A router takes what it sends into a tunnel from its segments.
            if not asset.connections.forwards and zone in self.topology.zones_of(asset):
                self._send_into_tunnels(asset, step)

    def _send(self, zone: ZoneName, source: int, step: Step) -> None:
        everything = self.topology.space.everything
        for family in self.topology.space.families():
            if source & family:
                packets = (source & family, everything[1] & family, everything[2], everything[3])
                self._queue.append((zone, packets, step, None))

    def _send_into_tunnels(self, asset: Asset, step: Step) -> None:
        """Send what an asset at the end of tunnels sends itself."""
        own = self.topology.addresses_of[asset.name]
        for entrance in self.topology.entrances.get(asset.name, ()):
            for source, *rest in entrance.admitted:
                if source & own:
                    packets = (source & own, rest[0], rest[1], rest[2])
                    self._queue.append((entrance, packets, step, None))

    def _come_out(self, entrance: Entrance, packets: Packets, step: Step) -> None:
        """Arrive at the other end of a tunnel: at a router with its rule sets, or at a host."""
        end, tunnel = entrance.exit, entrance.tunnel
        asset = self.topology.site.assets[end.asset]
        router = next((one for one in self.routers if one.asset is asset), None)
        if router is None:
            here = Step(step, "tunnel", asset.zone, asset, tunnel=tunnel, packets=packets)
            self._reach_host(asset, packets, here)
        elif not self._is_seen(f"tunnel {tunnel.name}", router, packets):
            here = Step(step, "tunnel", None, asset, tunnel=tunnel, packets=packets)
            for passed in router.take_at(router.arrival(end), packets, is_decrypted=True):
                self._pass_on(router, passed, here)

    def _reach_host(self, asset: Asset, packets: Packets, step: Step) -> None:
        """End at a host: what is not for itself it drops."""
        there = packets[DESTINATION] & self.topology.addresses_of[asset.name]
        if not there:
            return
        kept = (packets[0], there, packets[2], packets[3])
        self._reach(Reached(asset.zone, kept, step))
        for host in self.topology.hosts.get(asset.zone, ()):
            if host.asset is asset and host.carries_on and kept[SERVICE] & host.services:
                self._enter(host, step)

    def _use_ways_in(self, zone: ZoneName, step: Step) -> None:
        for asset in self.topology.site.assets.values():
            for access in asset.connections.remote_access:
                if access.from_zone == zone:
                    self._come_in(asset, access, step)

    def _come_in(self, asset: Asset, access: RemoteAccess, step: Step) -> None:
        router = next((one for one in self.routers if one.asset is asset), None)
        if router is None:
            for host in self.topology.hosts.get(asset.zone, ()):
                if host.asset is asset:
                    self._enter(host, Step(step, "access", asset.zone, asset, access=access))
            return
        if access.interface is None:
            self._reach(
                Reached(asset.zone, self._at(router), Step(step, "access", asset.zone, asset, access=access))
            )
            for interface in router.interfaces:
                for zone in interface.zones:
                    self._send(zone, interface.addresses, Step(step, "access", zone, asset, access=access))
            self._send_into_tunnels(asset, Step(step, "access", asset.zone, asset, access=access))
            return
        space = self.topology.space
        pool = access_pool(self.topology, access)
        for family in space.families():
            if pool & family:
                packets = (pool & family, space.everything[1] & family, *space.everything[2:])
                inward = router.interface(access.interface).bit
                for passed in router.take_at(inward, packets):
                    self._pass_on(router, passed, step, access)

    def _at(self, router: Router) -> Packets:
        everything = self.topology.space.everything
        return (everything[0], router.own, everything[2], everything[3])

    def _arrive(self, zone: ZoneName, packets: Packets, step: Step, next_hop: int | None) -> None:
        there = packets[DESTINATION] & self.topology.owned[zone]
        if there:
            self._deliver(zone, (packets[0], there, packets[2], packets[3]), step)
        for router in self.routers:
            # What a router sends out it does not hear again, unless another sends it back.
            is_sender = step.kind in ("router", "access") and step.asset is router.asset
            is_next = not is_sender and (next_hop is None or bool(router.own & next_hop))
            if is_next and router.stands_on(zone) and not self._is_seen(zone, router, packets):
                for passed in router.take(zone, packets):
                    self._pass_on(router, passed, step)

    def _deliver(self, zone: ZoneName, packets: Packets, step: Step) -> None:
        if step.kind != "start":
            self._reach(Reached(zone, packets, step))
        for host in self.topology.hosts.get(zone, ()):
            is_met = packets[DESTINATION] & host.addresses and packets[SERVICE] & host.services
            if host.carries_on and is_met:
                self._enter(host, step)

    def _reach(self, reached: Reached) -> None:
        self.reached.append(reached)

    def _enter(self, host: Host, step: Step) -> None:
        if host.asset.name in self.entered:
            return
        here = Step(
            step, "carried" if host.asset.connections.moves_between else "host", step.zone, host.asset
        )
        self.entered[host.asset.name] = here
        if self.stops(host):
            return
        for zone in host.zones:
            if zone in host.asset.connections.moves_between:
                self._be_in(zone, Step(here, "carried", zone, host.asset))
            else:
                own = self.topology.owned[zone] & host.addresses
                self._send(zone, own or host.addresses, Step(here, "host", zone, host.asset))
        self._send_into_tunnels(host.asset, here)

    def _is_seen(self, zone: str, router: Router, packets: Packets) -> bool:
        seen = self._seen.setdefault((zone, router.asset.name), {})
        # The first are the widest; to hold each against all would cost more than it saves.
        if packets in seen or any(_holds(held, packets) for held in islice(seen, _WIDE)):
            return True
        seen[packets] = None
        return False

    def _pass_on(
        self, router: Router, passed: Passed, step: Step, access: RemoteAccess | None = None
    ) -> None:
        kind = "router" if access is None else "access"
        here = Step(
            step,
            kind,
            passed.zone,
            router.asset,
            passed.rules,
            access,
            passed.inward,
            passed.outward,
            passed.packets,
        )
        if passed.entrance is not None:
            self._queue.append((passed.entrance, passed.packets, here, None))
            return
        if passed.zone is None:
            at = router.asset
            self._reach(Reached(at.zone, passed.packets, here, at, is_taken=passed.is_taken))
            host = self.topology.on_routers.get(at.name)
            if host is not None and _is_met(host, passed):
                self._enter(host, here)
            return
        self._queue.append((passed.zone, passed.packets, here, passed.next_hop))


def _is_met(host: Host, passed: Passed) -> bool:
    """Say whether what got into a router is for something that carries on there."""
    to, services = passed.packets[DESTINATION], passed.packets[SERVICE]
    if passed.is_taken:
        return any(to & there and services & on for there, on in host.diverted)
    return bool(services & host.services)


def access_pool(topology: Topology, access: RemoteAccess) -> int:
    """Give the addresses of those who come in by a way; any, where the site file does not say."""
    if not access.addresses:
        return topology.space.everything[SOURCE]
    return topology.space.addresses.mask([network_interval(network) for network in access.addresses])


def _holds(wide: Packets, narrow: Packets) -> bool:
    return not any(theirs & ~ours for ours, theirs in zip(wide, narrow, strict=True))


def shortest(reached: Iterator[Reached]) -> Reached | None:
    """Give what is reached with the fewest hops; the first of equals."""
    return min(reached, key=lambda one: one.step.length, default=None)
