"""What the proof says of one TCP connect: where its first packet arrives."""

from dataclasses import dataclass, field

from modwarden.model import Address, AssetName, Evidence, Site, ZoneName
from modwarden.site.proof.prove import World, load_rulesets
from modwarden.site.proof.space import Packets
from modwarden.site.proof.topology import PROTOCOLS
from modwarden.site.proof.walk import Reached, Walk, shortest
from modwarden.site.proof.words import path_in_words
from modwarden.site.rulesets.sets import PORTS, address_number


@dataclass(frozen=True, slots=True)
class Connect:
    """A connect, as it is sent."""

    zone: ZoneName
    source: Address
    destination: Address
    port: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where its first packet may arrive; nowhere, where it is neither."""

    is_there: bool = False
    """At the address it is for, or at the one that a router writes in its place."""
    taken_by: AssetName | None = None
    """At a guard in the wire, on this asset."""
    path: tuple[Evidence, ...] = ()
    """The shortest way there, hop by hop."""


@dataclass(slots=True)
class ConnectProof:
    """Answers for single connects of one site."""

    site: Site
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.site, load_rulesets(self.site))
        self.world.problems.raise_if_any()

    def ask(self, connect: Connect) -> Arrival:
        """Say where a connect arrives. Within one zone everything reaches everything."""
        topology = self.world.topology
        space = topology.space
        to = space.addresses.piece(address_number(connect.destination))
        if topology.owned[connect.zone] & to:
            return Arrival(is_there=True)
        source = space.addresses.piece(address_number(connect.source))
        service = space.services.piece(PROTOCOLS["tcp"] * PORTS + connect.port)
        packets = (source, to, service, space.everything[3])
        walk = Walk(topology, self.world.routers, connect.zone, lambda _: True)
        return self._arrival(walk.run_for(packets, self.site.asset_at(connect.source)), packets)

    def _arrival(self, reached: list[Reached], packets: Packets) -> Arrival:
        found = shortest(iter(reached))
        if found is None:
            return Arrival()
        taken = next((one.router.name for one in reached if one.is_taken and one.router is not None), None)
        is_there = any(not one.is_taken for one in reached)
        path = path_in_words(self.site, self.world.topology.space, found.step, found.packets, packets[2])
        return Arrival(is_there, taken, path)
