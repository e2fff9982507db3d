"""
Where things are: one segment for each zone, and the assets that stand on more than one.

Within a zone everything reaches everything; that is what a zone means, and the proof assumes no less.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from modwarden.model import (
    WIREGUARD_PORT,
    Address,
    Asset,
    AssetName,
    Port,
    Site,
    Socket,
    Tunnel,
    TunnelEnd,
    TunnelKind,
    Verdicts,
    Zone,
    ZoneName,
)
from modwarden.site.proof.space import Space
from modwarden.site.proof.tunnels import Entrance, entrances
from modwarden.site.rulesets.ir import Kind, Kinds
from modwarden.site.rulesets.sets import PORTS, Interval, IntervalSet, address_number, network_interval

PROTOCOLS = {"tcp": 6, "udp": 17}
_ESP = 50
MULTICAST: tuple[Interval, ...] = tuple(
    network_interval(ip_network(text)) for text in ("224.0.0.0/4", "ff00::/8")
)
_TO_ALL: Interval = network_interval(ip_network("255.255.255.255/32"))


@dataclass(frozen=True, slots=True)
class Host:
    """An asset that may carry traffic on without routing it, and where it can be entered."""

    asset: Asset
    zones: tuple[ZoneName, ...]
    addresses: int
    services: int
    carries_on: bool
    """Whoever reaches it goes on from it; otherwise only its ways in lead there."""
    diverted: tuple[tuple[int, int], ...]
    """Addresses and services that its guard takes in the wire, and carries on where its rules permit."""
    breaks: bool
    """It ends connections in the DMZ: what goes on behind it is not the same path."""

    @property
    def kind(self) -> str:
        """Say in a word why it carries on."""
        connections = self.asset.connections
        if connections.relay is not None:
            return connections.relay.kind.value.replace("_", " ")
        return "moves" if connections.moves_between else "dual-homed"


@dataclass(slots=True)
class Topology:
    """The zones and hosts of a site on the axes of a proof."""

    site: Site
    space: Space
    owned: dict[ZoneName, int] = field(default_factory=dict)
    hosts: dict[ZoneName, list[Host]] = field(default_factory=dict)
    on_routers: dict[AssetName, Host] = field(default_factory=dict)
    """Relays and guards that run on routers: what gets in there passes the router's own filter first."""
    addresses_of: dict[AssetName, int] = field(default_factory=dict)
    entrances: dict[AssetName, tuple[Entrance, ...]] = field(default_factory=dict)
    """Into tunnels, by the asset at which they start."""

    def __post_init__(self) -> None:
        self.owned = dict(owned_addresses(self.site, self.space))
        for asset in self.site.assets.values():
            self.addresses_of[asset.name] = self.mask_of(asset)
            if ways := tuple(entrances(self.site, asset, self.space)):
                self.entrances[asset.name] = ways
        for asset in self.site.assets.values():
            host = self._host(asset)
            if host is not None and asset.connections.forwards:
                self.on_routers[asset.name] = host
            elif host is not None:
                for zone in host.zones:
                    self.hosts.setdefault(zone, []).append(host)

    def destinations(self, conditions: Iterable[Kinds], own: int, zones: Sequence[ZoneName]) -> int:
        """Give the destinations that are of some kinds to a host with its own addresses on some zones."""
        everything = self.space.everything[1]
        mask = everything
        for asked in conditions:
            held = 0
            for kind in asked.kinds:
                held |= own if kind is Kind.LOCAL else self.space.addresses.mask(self._shared(kind, zones))
            mask &= everything & ~held if asked.is_negated else held
        return mask

    def _shared(self, kind: Kind, zones: Sequence[ZoneName]) -> tuple[Interval, ...]:
        if kind is Kind.MULTICAST:
            return MULTICAST
        # Each network of a zone is taken for a subnet.
        return (_TO_ALL, *(pair for zone in zones for pair in _broadcasts(self.site.zones[zone])))

    def mask_of(self, asset: Asset) -> int:
        """Give the addresses of an asset, those inside its tunnels among them."""
        inside = (end.inside for _, end in self.site.tunnel_ends(asset.name) if end.inside is not None)
        own = (*asset.addresses, *inside)
        return self.space.address_mask(IntervalSet.of(_single(address_number(a)) for a in own))

    def zones_of(self, asset: Asset) -> tuple[ZoneName, ...]:
        """List the zones on whose segments an asset stands: its own, and those of its addresses."""
        if asset.via is not None:
            return ()
        found = {asset.zone: None} if not asset.connections.forwards else {}
        for address in asset.addresses:
            found |= dict.fromkeys(self.zones_at(address))
        return tuple(found)

    def zones_at(self, address: Address) -> list[ZoneName]:
        """List the zones that own an address: more than one where their networks contradict each other."""
        mask = self.space.addresses.mask([_single(address_number(address))])
        return [zone for zone, own in self.owned.items() if own & mask]

    def _host(self, asset: Asset) -> Host | None:
        connections = asset.connections
        zones = tuple(dict.fromkeys((*self.zones_of(asset), *connections.moves_between)))
        diverted = tuple(self._diverted(asset)) if connections.forwards else ()
        ports = list(self._listens(asset, with_diverted=not connections.forwards))
        is_relay = connections.relay is not None or bool(ports) or bool(diverted)
        # What a router has between its legs is its routing.
        carries_on = is_relay or (len(zones) > 1 and not connections.forwards)
        if not carries_on and (connections.forwards or not connections.remote_access):
            return None
        # Whoever holds a machine on two segments needs no service of it to go on.
        is_bound_to_ports = bool(ports) and (len(zones) < 2 or connections.forwards)
        listens = IntervalSet.of(pair for port in ports for pair in service_span(port))
        services = self.space.service_mask(listens) if is_bound_to_ports else self.space.everything[2]
        if diverted and not ports and connections.relay is None:
            services = 0
        own = self.addresses_of[asset.name]
        return Host(asset, zones, own, services, carries_on, diverted, self._breaks(asset))

    def _diverted(self, asset: Asset) -> Iterator[tuple[int, int]]:
        for conduit in self.site.conduits.values():
            if conduit.guard == asset.name and conduit.transparent is not None:
                yield from (self.socket_masks(at) for at in self.site.listeners(conduit))

    def socket_masks(self, at: Socket) -> tuple[int, int]:
        """Give the destination and service of a TCP socket."""
        port = service_span(Port("tcp", at.port, at.port))
        to = self.space.addresses.mask([_single(address_number(at.address))])
        return to, self.space.service_mask(IntervalSet.of(port))

    def _listens(self, asset: Asset, *, with_diverted: bool) -> Iterator[Port]:
        """List the ports of a relay or guard; none where a relay may have any."""
        relay = asset.connections.relay
        if relay is not None and not relay.listens:
            return
        yield from relay.listens if relay is not None else ()
        for conduit in self.site.conduits.values():
            if conduit.guard == asset.name and (with_diverted or conduit.transparent is None):
                yield from (Port("tcp", at.port, at.port) for at in self.site.listeners(conduit))

    def _breaks(self, asset: Asset) -> bool:
        zone = self.site.zones[asset.zone]
        guarded = [conduit for conduit in self.site.conduits.values() if conduit.guard == asset.name]
        ends = asset.connections.relay is not None or bool(guarded)
        # A guard that only observes forwards every byte.
        binds = all(conduit.verdicts is Verdicts.ENFORCE for conduit in guarded)
        # What a router takes in the wire ends there; what else gets in there may be routed on.
        is_wire = all(conduit.transparent is not None for conduit in guarded)
        is_end = not asset.connections.forwards or (asset.connections.relay is None and is_wire)
        return zone.is_dmz and ends and binds and is_end


def owned_addresses(site: Site, space: Space) -> Iterator[tuple[ZoneName, int]]:
    """Give each zone its addresses: of two networks that hold an address, the narrower one owns it."""
    networks = [(zone, network) for zone in site.zones.values() for network in zone.networks]
    masks = [space.addresses.mask([network_interval(network)]) for _, network in networks]
    listed = list(zip(networks, masks, strict=True))
    owned: dict[ZoneName, int] = dict.fromkeys(site.zones, 0)
    for (zone, network), mask in listed:
        for (_, other), theirs in listed:
            if other.prefixlen > network.prefixlen and other.version == network.version:
                mask &= ~theirs  # noqa: PLW2901  (what is left of it)
        owned[zone.name] |= mask
    everywhere = 0
    for mask in masks:
        everywhere |= mask
    for asset in site.assets.values():
        for address in asset.addresses:
            own = space.addresses.mask([_single(address_number(address))])
            owned[asset.zone] |= own & ~everywhere
    inside = _inside(site, space)
    yield from ((zone, mask & ~inside) for zone, mask in owned.items())


def _inside(site: Site, space: Space) -> int:
    """Give the addresses inside tunnels, which lie on no segment."""
    ends = (end for tunnel in site.tunnels.values() for end in tunnel.ends)
    return space.addresses.mask([_single(address_number(e.inside)) for e in ends if e.inside is not None])


def bounds(site: Site) -> Iterator[Interval]:
    """Give every set of addresses that a site names."""
    for zone in site.zones.values():
        yield from (network_interval(network) for network in zone.networks)
    for asset in site.assets.values():
        yield from (_single(address_number(address)) for address in asset.addresses)
        for access in asset.connections.remote_access:
            yield from (network_interval(network) for network in access.addresses)
        for route in asset.connections.routes or ():
            yield network_interval(route.to)
            yield _single(address_number(route.via))
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            yield from (network_interval(network) for network in rule.clients or ())
        yield from (_single(address_number(at.address)) for at in site.listeners(conduit))


def kind_bounds(site: Site) -> Iterator[Interval]:
    """Give the addresses of all hosts, and those of many, for rules that ask for them."""
    yield from (*MULTICAST, _TO_ALL)
    for zone in site.zones.values():
        yield from _broadcasts(zone)


def _broadcasts(zone: Zone) -> Iterator[Interval]:
    # RFC 3021: /31 and /32 have none.
    for network in zone.networks:
        if network.version == 4 and network.prefixlen < 31:
            yield _single(address_number(network.broadcast_address))


def service_bounds(site: Site) -> Iterator[Interval]:
    """Give every service that a site names, and those of Modbus."""
    ports = {Port("tcp", 502, 502), Port("tcp", 802, 802)}
    for asset in site.assets.values():
        ports.add(Port("tcp", asset.port, asset.port))
        relay = asset.connections.relay
        ports |= set(relay.listens if relay is not None else ())
    for conduit in site.conduits.values():
        ports |= {Port("tcp", at.port, at.port) for at in site.listeners(conduit)}
    for port in ports:
        yield from service_span(port)
    for tunnel in site.tunnels.values():
        for end in tunnel.ends:
            yield from carriers(tunnel, end)
    for number in range(256):
        yield (number * PORTS, (number + 1) * PORTS)


def carriers(tunnel: Tunnel, end: TunnelEnd) -> tuple[Interval, ...]:
    """Give the services that carry a tunnel to one end."""
    if tunnel.kind is TunnelKind.WIREGUARD:
        number = end.port or WIREGUARD_PORT
        return service_span(Port("udp", number, number))
    # RFC 7296 §2.23: IKE, and ESP within UDP behind NAT; else ESP, protocol 50, by itself.
    ike = (pair for number in (500, 4500) for pair in service_span(Port("udp", number, number)))
    return (*ike, (_ESP * PORTS, (_ESP + 1) * PORTS))


def service_span(port: Port) -> tuple[Interval, ...]:
    """Give the services of a span of ports."""
    base = PROTOCOLS[port.protocol] * PORTS
    return ((base + port.first, base + port.last + 1),)


def _single(number: int) -> Interval:
    return number, number + 1
