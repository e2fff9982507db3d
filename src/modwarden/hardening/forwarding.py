"""
Forwarding between the interfaces of routers and transparent conduits, and ARP where both sides share a
subnet.

Kept true here:
* nothing is forwarded before the rules are loaded; a program that fails leaves no interface that forwards;
* a tunnel's interface that is not there yet keeps no other from forwarding;
* the host answers ARP for declared addresses only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modwarden.hardening.conduits import Diverted, diverted_conduits, neighbours
from modwarden.hardening.file import DIRECTORY, HostFile, written_from
from modwarden.hardening.point import Point
from modwarden.model import CLOSED_TABLE, FILTER_TABLE, Address, AssetName, Layout, Site

_ALL_OF_IPV6 = "sysctl -qw net/ipv6/conf/all/forwarding={}"


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
        *switches.ending(),
        'if [ "${1:-start}" = stop ]; then end; exit; fi',
        "trap end EXIT",
        "",
        "# Without the rules nothing is forwarded.",
        *(f"nft list table inet {table} >/dev/null" for table in tables_needed(point)),
    ]
    for of in conduits:
        if of.transparent.layout == Layout.SAME_SUBNET:
            lines += ["", f"# {of.transparent.origin}: conduit {of.conduit.name}, one subnet on both sides"]
            lines += _neighbourhood(site, of)
    lines += ["", *switches.beginning(), "trap - EXIT"]
    yield HostFile("forwarding.sh", f"{DIRECTORY}/forwarding.sh", "\n".join(lines) + "\n", is_program=True)


def tables_needed(point: Point) -> tuple[str, ...]:
    """List the tables without which nothing is forwarded."""
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
    virtual: frozenset[str]
    """Those of tunnels and remote access, which other programs make, before or after this one."""
    has_ipv6: bool

    @classmethod
    def of(cls, point: Point, conduits: tuple[Diverted, ...]) -> "_Switches":
        routed = tuple(leg.name for leg in point.legs)
        has_ipv6 = any(6 in of.diversion.families for of in conduits)
        has_ipv6 |= point.forwards and point.speaks_ipv6
        interfaces = tuple(dict.fromkeys((*routed, *_interfaces(conduits))))
        return cls(interfaces, _virtual(point), has_ipv6)

    def beginning(self) -> Iterator[str]:
        for name in self.interfaces:
            if name not in self.virtual:
                yield _switch(name, 1)
                continue
            yield f"if [ -e {_setting(name)} ]; then"
            yield f"    {_switch(name, 1)}"
            yield "else"
            yield f'    echo "{name} is not there, and will forward once this has run again" >&2'
            yield "fi"
        if self.has_ipv6:
            # IPv6 forwards between all interfaces or none; router advertisements are not taken any more then.
            yield _ALL_OF_IPV6.format(1)

    def ending(self) -> Iterator[str]:
        """Write the function that ends it as far as it can, and fails where it could not."""
        yield "end() {"
        yield "    failed=0"
        for name in self.interfaces:
            yield f"    [ ! -e {_setting(name)} ] || {_switch(name, 0)} || failed=1"
        if self.has_ipv6:
            yield f"    {_ALL_OF_IPV6.format(0)} || failed=1"
        yield '    return "$failed"'
        yield "}"


def _virtual(point: Point) -> frozenset[str]:
    tunnels = (end.interface for _, end in point.site.tunnel_ends(point.name))
    ways_in = (one.interface for one in point.asset.connections.remote_access)
    return frozenset(name for name in (*tunnels, *ways_in) if name is not None)


def _setting(name: str) -> str:
    return f"/proc/sys/net/ipv4/conf/{name}/forwarding"


def _switch(name: str, state: int) -> str:
    # Slashes, for a dot in an interface's name would read as a step of the path.
    return f"sysctl -qw net/ipv4/conf/{name}/forwarding={state}"


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
