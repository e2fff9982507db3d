"""
Forwarding between the interfaces of routers and transparent conduits, and ARP where both sides share a
subnet.

Kept true here: nothing is forwarded before the rules are loaded; the host answers ARP for declared
addresses only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modwarden.hardening.conduits import Diverted, diverted_conduits, neighbours
from modwarden.hardening.file import DIRECTORY, HostFile, written_from
from modwarden.hardening.point import Point
from modwarden.model import CLOSED_TABLE, FILTER_TABLE, Address, AssetName, Layout, Site


def render_forwarding(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """Write the program that begins to forward, and ends it when called with `stop`."""
    conduits, point = diverted_conduits(site, asset), Point.of(site, asset)
    if not conduits and not point.forwards:
        return
    origins = [point.asset.origin, point.asset.origin.at("interfaces")] if point.forwards else []
    origins += [origin for conduit in conduits for origin in conduit.origins]
    switches = _Switches.of(point, conduits)
    lines = [
        "#!/bin/sh",
        *written_from(site, asset, origins, ("SR 5.2 RE 3",)),
        "set -eu",
        "",
        'if [ "${1:-start}" = stop ]; then',
        *(f"    {line}" for line in switches.lines(on=False)),
        "    exit 0",
        "fi",
        "",
        "# Without the rules nothing is forwarded.",
        *(f"nft list table inet {table} >/dev/null" for table in _tables(point)),
    ]
    for of in conduits:
        if of.transparent.layout == Layout.SAME_SUBNET:
            lines += ["", f"# {of.transparent.origin}: conduit {of.conduit.name}, one subnet on both sides"]
            lines += _neighbourhood(site, of)
    lines += ["", *switches.lines(on=True)]
    yield HostFile("forwarding.sh", f"{DIRECTORY}/forwarding.sh", "\n".join(lines) + "\n", is_program=True)


def _tables(point: Point) -> tuple[str, ...]:
    closing = (CLOSED_TABLE,) if point.is_transparent else ()
    return (*closing, FILTER_TABLE) if point.forwards else closing


def _neighbourhood(site: Site, of: Diverted) -> Iterator[str]:
    """A route to each server, and an answer for each address on the side that it is not on."""
    clients, servers = neighbours(site, of)
    yield from _answering(of)
    for server in servers:
        yield f"{_ip(server)} route replace {server} dev {of.transparent.servers_on}"
        for interface in of.transparent.clients_on:
            yield f"{_ip(server)} neigh replace proxy {server} dev {interface}"
    for client in clients:
        yield f"{_ip(client)} neigh replace proxy {client} dev {of.transparent.servers_on}"


@dataclass(frozen=True, slots=True)
class _Switches:
    """What is switched: forwarding by interface, and for IPv6 of the whole host, which knows no other way."""

    interfaces: tuple[str, ...]
    has_ipv6: bool

    @classmethod
    def of(cls, point: Point, conduits: tuple[Diverted, ...]) -> "_Switches":
        routed = tuple(leg.name for leg in point.legs)
        has_ipv6 = any(6 in of.diversion.families for of in conduits)
        has_ipv6 |= point.forwards and point.speaks_ipv6
        return cls(tuple(dict.fromkeys((*routed, *_interfaces(conduits)))), has_ipv6)

    def lines(self, *, on: bool) -> Iterator[str]:
        state = int(on)
        # Slashes, for a dot in an interface's name would read as a step of the path.
        yield from (f"sysctl -qw net/ipv4/conf/{name}/forwarding={state}" for name in self.interfaces)
        if self.has_ipv6:
            # IPv6 forwards between all interfaces or none; router advertisements are not taken any more then.
            yield f"sysctl -qw net/ipv6/conf/all/forwarding={state}"


def _answering(of: Diverted) -> Iterator[str]:
    for name in _interfaces((of,)):
        for family in of.diversion.families:
            # Else an answer comes up to 0.8 s late: beyond a write's deadline, and some clients' patience.
            yield f"sysctl -qw net/ipv{family}/neigh/{name}/proxy_delay=0"
        if 6 in of.diversion.families:
            yield f"sysctl -qw net/ipv6/conf/{name}/proxy_ndp=1"


def _interfaces(conduits: tuple[Diverted, ...]) -> list[str]:
    names = [name for of in conduits for name in (*of.transparent.clients_on, of.transparent.servers_on)]
    return list(dict.fromkeys(names))


def _ip(address: Address) -> str:
    return f"ip -{address.version}"
