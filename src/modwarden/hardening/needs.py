"""
What a site needs its enforcement points to let pass: by conduits, flows, and the management of each.

Kept true here:
* nothing is needed that the site file does not say, and each need names the lines that say it;
* a need is about connections: replies belong to it, and nobody may begin one the other way.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from modwarden.hardening.places import Places, addresses_of, minus, networks_of, single, union
from modwarden.model import (
    AssetName,
    Conduit,
    Origin,
    Party,
    Port,
    RuleKind,
    Site,
    Socket,
    Transparent,
    Verdicts,
)
from modwarden.site.rulesets.sets import NONE, IntervalSet


class NeedKind(StrEnum):
    """Why something has to pass."""

    CLIENTS = "clients"
    SERVERS = "servers"
    ALSO = "also"
    SYSLOG = "syslog"
    FLOW = "flow"
    MANAGEMENT = "management"


@dataclass(frozen=True, slots=True)
class Target:
    """Addresses, and one protocol with its ports; an echo has none."""

    addresses: IntervalSet
    protocol: str
    ports: IntervalSet = NONE


@dataclass(frozen=True, slots=True)
class Need:
    """Connections that have to be possible."""

    name: str
    kind: NeedKind
    source: IntervalSet
    targets: tuple[Target, ...]
    origins: tuple[Origin, ...]
    nearby: IntervalSet = NONE
    """Who may ask a guard beside `source`: all of the `from` zones, for it records those whom it refuses."""
    begun_by: AssetName | None = None
    """The host that opens these connections, whichever address it gives them."""
    conduit: str | None = None
    why: str | None = None


Provider = Callable[[Site, Places], Iterable[Need]]


def needs_of(site: Site, places: Places) -> tuple[Need, ...]:
    """List all needs of a site in the order of their names, whatever order the site file has."""
    found = (need for provide in PROVIDERS for need in provide(site, places))
    return tuple(sorted(found, key=lambda need: need.name))


def _conduit_needs(site: Site, places: Places) -> Iterator[Need]:
    for conduit in site.conduits.values():
        if listeners := _listeners(site, conduit):
            yield Need(
                f"conduit {conduit.name}: clients",
                NeedKind.CLIENTS,
                _clients(conduit, places),
                listeners,
                (conduit.origin, *(rule.origin for rule in conduit.rules)),
                nearby=union(places.owned[zone] for zone in conduit.from_zones),
                conduit=conduit.name,
            )
        if servers := _servers(site, conduit):
            yield Need(
                f"conduit {conduit.name}: servers",
                NeedKind.SERVERS,
                addresses_of(site.assets[conduit.guard].addresses),
                servers,
                (conduit.origin, *(Origin(one.origin.file, one.origin.line) for one in conduit.servers)),
                begun_by=conduit.guard,
                conduit=conduit.name,
            )
        if conduit.transparent is not None and conduit.transparent.also_pass:
            yield _also(site, conduit, conduit.transparent, places)


def _also(site: Site, conduit: Conduit, transparent: Transparent, places: Places) -> Need:
    servers = union(addresses_of(site.assets[one.asset].addresses) for one in conduit.servers)
    ports = tuple(Port(one.protocol, one.port or 0, one.port or 0) for one in transparent.also_pass)
    name = f"conduit {conduit.name}: also"
    source = _clients(conduit, places)
    return Need(
        name, NeedKind.ALSO, source, ported(servers, ports), (transparent.origin,), conduit=conduit.name
    )


def _clients(conduit: Conduit, places: Places) -> IntervalSet:
    """Give those whom rules name, of the `from` zones; all of these while the guard only observes."""
    zones = union(places.owned[zone] for zone in conduit.from_zones)
    permits = [rule for rule in conduit.rules if rule.kind is RuleKind.PERMIT]
    if conduit.verdicts is Verdicts.OBSERVE or any(rule.clients is None for rule in permits):
        return zones
    return zones & networks_of(network for rule in permits for network in rule.clients or ())


def _listeners(site: Site, conduit: Conduit) -> tuple[Target, ...]:
    own = addresses_of(site.assets[conduit.guard].addresses)
    return _targets_at(site.listeners(conduit), own)


def _servers(site: Site, conduit: Conduit) -> tuple[Target, ...]:
    assets = [site.assets[binding.asset] for binding in conduit.servers]
    sockets = [
        Socket(address, asset.port)
        for asset in assets
        # A proxy knows a server by its first address; transparent, by any at which clients ask.
        for address in (asset.addresses if conduit.transparent is not None else asset.addresses[:1])
    ]
    return _targets_at(sockets, NONE)


def _targets_at(sockets: Iterable[Socket], own: IntervalSet) -> tuple[Target, ...]:
    """Join sockets: by port the addresses, then by addresses the ports."""
    by_port: dict[int, IntervalSet] = {}
    for socket in sockets:
        # On 0.0.0.0 or :: a listener takes what comes to any address of its host.
        addresses = own if socket.address.is_unspecified else single(socket.address)
        by_port[socket.port] = by_port.get(socket.port, NONE) | addresses
    by_addresses: dict[IntervalSet, list[tuple[int, int]]] = {}
    for port, addresses in by_port.items():
        by_addresses.setdefault(addresses, []).append((port, port + 1))
    targets = (Target(addresses, "tcp", IntervalSet.of(held)) for addresses, held in by_addresses.items())
    return tuple(sorted(targets, key=_in_order))


def _syslog_needs(site: Site, _: Places) -> Iterator[Need]:
    syslog = site.journal.syslog
    for guard in site.guards() if syslog is not None else ():
        assert syslog is not None
        port = syslog.server.port
        yield Need(
            f"syslog of {guard}",
            NeedKind.SYSLOG,
            addresses_of(site.assets[guard].addresses),
            (Target(single(syslog.server.address), "udp", IntervalSet(((port, port + 1),))),),
            (site.journal.origin,),
            begun_by=guard,
        )


def _flow_needs(site: Site, places: Places) -> Iterator[Need]:
    for flow in site.flows.values():
        yield Need(
            f"flow {flow.name}",
            NeedKind.FLOW,
            party_addresses(site, places, flow.source),
            ported(_destinations(site, places, flow.destination), flow.ports),
            (flow.origin,),
            why=flow.why,
        )


def _management_needs(site: Site, places: Places) -> Iterator[Need]:
    points = set(site.enforcement_points())
    for asset in site.assets.values():
        if asset.management is None or asset.name not in points:
            continue
        own = addresses_of(asset.addresses)
        yield Need(
            f"management of {asset.name}",
            NeedKind.MANAGEMENT,
            party_addresses(site, places, asset.management.source),
            ported(own, asset.management.ports),
            (asset.management.origin,),
        )


def _destinations(site: Site, places: Places, party: Party) -> IntervalSet:
    """Leave enforcement points out of whole zones and networks: who means one of them names it."""
    points = union(addresses_of(site.assets[name].addresses) for name in site.enforcement_points())
    hosts = tuple(network for network in party.networks if network.num_addresses == 1)
    named = party_addresses(site, places, Party(assets=party.assets, networks=hosts))
    return minus(party_addresses(site, places, party), points) | named


def party_addresses(site: Site, places: Places, party: Party) -> IntervalSet:
    """Give the addresses of all whom an operator named."""
    return union(
        (
            *(places.owned[zone] for zone in party.zones),
            *(addresses_of(site.assets[name].addresses) for name in party.assets),
            networks_of(party.networks),
        )
    )


def ported(addresses: IntervalSet, ports: tuple[Port, ...]) -> tuple[Target, ...]:
    """Give the targets of some addresses at some ports."""
    by_protocol: dict[str, list[tuple[int, int]]] = {}
    for port in ports:
        held = by_protocol.setdefault(port.protocol, [])
        held += [] if port.protocol == "icmp" else [(port.first, port.last + 1)]
    targets = (Target(addresses, name, IntervalSet.of(held)) for name, held in by_protocol.items())
    return tuple(sorted(targets, key=_in_order))


def _in_order(target: Target) -> tuple[object, ...]:
    return target.protocol, target.addresses.intervals, target.ports.intervals


# Tunnels and other paths add their own.
PROVIDERS: tuple[Provider, ...] = (_conduit_needs, _syslog_needs, _flow_needs, _management_needs)
