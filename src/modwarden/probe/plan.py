"""
What a probe asks: each declared address and port, and what the proof says of it.

Kept true here: nothing is asked that the site file does not name, and each address and port once; controllers
that bear few connections come last.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from modwarden.model import Address, Asset, AssetName, Evidence, Party, Port, Site, ZoneName
from modwarden.site.proof import Connect, ConnectProof

# Modbus TCP and Modbus/TCP Security, whether or not somebody declared them.
_MODBUS = (502, 802)
# Where hosts that hold rules are managed: ssh, https.
_MANAGEMENT = (22, 443)


class Expected(StrEnum):
    """What the proof says of a connect."""

    WORKS = "works"
    """It arrives, and somebody is declared to listen."""
    GUARD = "guard"
    """A guard in the wire takes it, and asks its rules for each request."""
    REFUSED_BY_GUARD = "refused-by-guard"
    """A guard in the wire takes it, to reset it: no conduit has this server."""
    FAILS = "fails"
    """It arrives nowhere."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address and port, and whose it is."""

    asset: AssetName
    address: Address
    port: int
    what: str
    is_served: bool
    """Somebody is declared to listen there."""
    has_few_connections: bool = False
    served_to: Party | None = None
    """Who is declared to be answered; None for whoever gets there."""

    def __str__(self) -> str:
        return f"{self.asset} ({self.address}) tcp/{self.port}"


@dataclass(frozen=True, slots=True)
class Knock:
    """One connect of the plan."""

    target: Target
    source: Address
    zone: ZoneName
    expected: Expected
    path: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All connects, in the order in which they are asked, and what is left out."""

    knocks: tuple[Knock, ...]
    unasked: tuple[str, ...]

    def limited(self, most: int) -> "Plan":
        """Keep the first connects, and say how many are left out."""
        if len(self.knocks) <= most:
            return self
        left = f"{len(self.knocks) - most} of {len(self.knocks)}, beyond the limit of {most}"
        return Plan(self.knocks[:most], (*self.unasked, left))


# For a target the address that would be sent from, and its zone; None where there is none of its IP version.
Sources = Callable[[Target], tuple[Address, ZoneName] | None]


def plan_probe(site: Site, proof: ConnectProof, sources: Sources) -> Plan:
    """Plan a probe: what must work, what must fail, and what the proof says nothing of."""
    knocks: list[Knock] = []
    without_source, unserved = 0, 0
    for target in targets_of(site):
        source = sources(target)
        if source is None:
            without_source += 1
            continue
        if target.address == source[0] or target.address in _siblings(site, source[0]):
            continue
        knock = _knock(site, proof, target, source)
        if knock is None:
            unserved += 1
        else:
            knocks.append(knock)
    unasked = []
    if without_source:
        unasked.append(
            f"{without_source} that nothing is sent to from here: no address of that IP version, or no route"
        )
    if unserved:
        unasked.append(f"{unserved} that may pass and where nobody is declared to listen")
    ordered = sorted(knocks, key=lambda knock: knock.target.has_few_connections)
    return Plan(tuple(ordered), tuple(unasked))


def targets_of(site: Site) -> Iterator[Target]:
    """List every address and port that the site file gives a reason to ask."""
    seen: set[tuple[Address, int]] = set()
    for target in _all_targets(site):
        if (target.address, target.port) not in seen:
            seen.add((target.address, target.port))
            yield target


def _all_targets(site: Site) -> Iterator[Target]:
    for asset in _on_network(site):
        if asset.unit_ids or site.units_via(asset.name):
            yield from _at(asset, asset.port, "Modbus server", is_served=True)
        if asset.connections.relay is not None:
            for port in asset.connections.relay.listens:
                yield from _relay(asset, port)
    yield from _listeners(site)
    for asset in _on_network(site):
        if site.zones[asset.zone].is_ot:
            for number in _MODBUS:
                yield from _at(asset, number, "Modbus port", is_served=False)
        if asset.connections.forwards or asset.name in site.guards():
            yield from _managed(asset)


def _managed(asset: Asset) -> Iterator[Target]:
    declared = asset.management.ports if asset.management is not None else ()
    # Of a span its two ends, as of a relay's.
    ports = {number for port in declared if port.protocol == "tcp" for number in (port.first, port.last)}
    for number in sorted({*ports, *_MANAGEMENT}):
        for target in _at(asset, number, "management", is_served=number in ports):
            yield replace(target, served_to=asset.management.source if asset.management is not None else None)


def _on_network(site: Site) -> list[Asset]:
    return [asset for asset in site.assets.values() if asset.via is None and asset.serial is None]


def _listeners(site: Site) -> Iterator[Target]:
    for conduit in site.conduits.values():
        guard = site.assets[conduit.guard]
        for socket in site.listeners(conduit) if conduit.transparent is None else ():
            own = guard.addresses if socket.address.is_unspecified else (socket.address,)
            yield from (Target(guard.name, one, socket.port, "guard's listener", True) for one in own)


def _at(asset: Asset, port: int, what: str, *, is_served: bool) -> Iterator[Target]:
    for address in asset.addresses:
        yield Target(asset.name, address, port, what, is_served, has_few_connections=asset.line is not None)


def _relay(asset: Asset, port: Port) -> Iterator[Target]:
    if port.protocol != "tcp":
        return
    # Of a span its two ends: nobody says that each port of it is open.
    for number in dict.fromkeys((port.first, port.last)):
        yield from _at(asset, number, "relay", is_served=True)


def _knock(site: Site, proof: ConnectProof, target: Target, source: tuple[Address, ZoneName]) -> Knock | None:
    address, zone = source
    arrival = proof.ask(Connect(zone, address, target.address, target.port))
    if arrival.taken_by is not None and not arrival.is_there:
        is_declared = _is_diverted(site, arrival.taken_by, target)
        expected = Expected.GUARD if is_declared else Expected.REFUSED_BY_GUARD
    elif not arrival.is_there:
        expected = Expected.FAILS
    elif target.is_served and _serves(site, target, address):
        expected = Expected.WORKS
    else:
        return None
    return Knock(target, address, zone, expected, arrival.path)


def _serves(site: Site, target: Target, source: Address) -> bool:
    """Say whether a target answers a source: a zone is open within, its routers' own ports are not."""
    party = target.served_to
    if party is None:
        return True
    zone = site.zone_at(source)
    return (
        (zone is not None and zone.name in party.zones)
        or any(source in site.assets[name].addresses for name in party.assets)
        or any(source in network for network in party.networks)
    )


def _is_diverted(site: Site, guard: AssetName, target: Target) -> bool:
    return any(
        conduit.guard == guard
        and conduit.transparent is not None
        and any((at.address, at.port) == (target.address, target.port) for at in site.listeners(conduit))
        for conduit in site.conduits.values()
    )


def _siblings(site: Site, address: Address) -> tuple[Address, ...]:
    own = site.asset_at(address)
    return own.addresses if own is not None else ()
