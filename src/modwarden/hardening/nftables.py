"""
The nftables rules of an enforcement point: its packet filter, and what a transparent guard has diverted
to it.

Kept true here:
* each table is replaced whole, in one transaction, so that no packet finds a moment without it;
* `tproxy` only skips its rule when nobody listens, and would fail open by itself. Packets it did not
  take reach a table of its own, which knows nothing of the guard and refuses them;
* what leads to servers is refused unless a line says otherwise: other protocols, fragments (which the
  kernel puts together before), and connections that are older than the rules.
"""

from collections.abc import Iterable, Iterator

from modwarden.hardening.conduits import Diverted, diverted_conduits
from modwarden.hardening.file import DIRECTORY, HostFile, written_from
from modwarden.hardening.filter import filter_table, served_needs
from modwarden.hardening.point import Point
from modwarden.model import (
    CLOSED_TABLE,
    DIVERT_TABLE,
    FILTER_TABLE,
    MARK,
    AlsoPass,
    AssetName,
    PassProtocol,
    Site,
)

_FAMILIES = {4: ("ip", "127.0.0.1"), 6: ("ip6", "[::1]")}
_MARKED = f"meta mark set {MARK:#x} accept"
_ECHO = {4: "icmp type echo-{}", 6: "icmpv6 type echo-{}"}


def render_rules(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """Write all tables."""
    point, conduits = Point.of(site, asset), diverted_conduits(site, asset)
    origins = [*point.origins, *(origin for need in served_needs(point) for origin in need.origins)]
    origins += [origin for conduit in conduits for origin in conduit.origins]
    lines = ["#!/usr/sbin/nft -f", *written_from(site, asset, origins, _serves(point))]
    if conduits:
        lines += ["", *_table(DIVERT_TABLE, _divert(conduits))]
        lines += ["", *_table(CLOSED_TABLE, _closed(conduits))]
    lines += ["", *_table(FILTER_TABLE, filter_table(point))]
    yield HostFile("rules.nft", f"{DIRECTORY}/rules.nft", "\n".join(lines) + "\n")


def _serves(point: Point) -> tuple[str, ...]:
    from_outside = ("SR 1.13",) if point.forwards else ()
    boundary = ("SR 5.1", "SR 5.2", "SR 5.2 RE 1", "SR 5.2 RE 3")
    return (*from_outside, "SR 2.8", *boundary, "SR 7.1 RE 1", "SR 7.1 RE 2", "SR 7.7")


def _table(name: str, body: Iterable[str]) -> list[str]:
    inner = [f"\t{line}" if line else "" for line in body]
    # The first line makes sure that there is something to delete.
    return [f"table inet {name}", f"delete table inet {name}", f"table inet {name} {{", *inner, "}"]


def _divert(conduits: tuple[Diverted, ...]) -> Iterator[str]:
    yield "chain divert {"
    yield "\ttype filter hook prerouting priority mangle; policy accept;"
    yield "\t# Connections that the guard holds: nearly all packets end here."
    for of in conduits:
        both = _interfaces((*of.transparent.clients_on, of.transparent.servers_on))
        own = f'comment "{of.conduit.name}: own connections"'
        yield f"\tiifname {both} meta l4proto tcp socket transparent 1 {_MARKED} {own}"
    yield "\t# The host's own services, and proxy listeners beside this: nothing of theirs is diverted."
    yield "\tfib daddr type { local, broadcast, multicast } return"
    for of in conduits:
        yield f"\t# {of.conduit.origin}: conduit {of.conduit.name}"
        yield from (f"\t{rule}" for rule in _declared(of))
    yield "\t# Whatever else looks like Modbus, for the guard to refuse and record."
    for of in conduits:
        yield from (f"\t{rule}" for rule in _undeclared(of))
    yield "}"


def _declared(of: Diverted) -> Iterator[str]:
    for version, (family, _) in _FAMILIES.items():
        if sockets := of.sockets_of(version):
            places = ", ".join(f"{socket.address} . {socket.port}" for socket in sockets)
            match = f"iifname {_clients(of)} {family} daddr . tcp dport {{ {places} }}"
            yield f'{match} {_take(of, version)} comment "{of.diversion.divert_comment(version)}"'


def _undeclared(of: Diverted) -> Iterator[str]:
    for version in _FAMILIES:
        match = f"iifname {_clients(of)} meta nfproto ipv{version} tcp dport {{ {_ports([of])} }}"
        yield f'{match} {_take(of, version)} comment "{of.conduit.name}: undeclared v{version}"'


def _take(of: Diverted, version: int) -> str:
    family, loopback = _FAMILIES[version]
    return f"tproxy {family} to {loopback}:{of.diversion.port} {_MARKED}"


def _closed(conduits: tuple[Diverted, ...]) -> Iterator[str]:
    groups = {
        of.transparent.servers_on: [one for one in conduits if _leads_to_same(one, of)] for of in conduits
    }
    yield "chain closed {"
    yield "\ttype filter hook forward priority filter - 10; policy accept;"
    for index, interface in enumerate(groups):
        yield f'\toifname "{interface}" goto to_servers_{index} comment "to {interface}"'
    for index, interface in enumerate(groups):
        yield f'\tiifname "{interface}" goto from_servers_{index} comment "from {interface}"'
    yield "}"
    for index, group in enumerate(groups.values()):
        yield ""
        for of in group:
            yield f"# {of.conduit.origin}: conduit {of.conduit.name}, guard: {of.conduit.on_failure.guard}"
        yield from _chain(f"to_servers_{index}", _to_servers(group))
        yield from _chain(f"from_servers_{index}", _from_servers(group))


def _leads_to_same(one: Diverted, other: Diverted) -> bool:
    return one.transparent.servers_on == other.transparent.servers_on


def _chain(name: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"chain {name} {{"
    yield from (f"\t{rule}" for rule in rules)
    yield "}"


def _to_servers(group: list[Diverted]) -> Iterator[str]:
    for of in group:
        if of.diversion.fails_open:
            for family, places in _places(of):
                rule = f"iifname {_clients(of)} {family} daddr . tcp dport {{ {places} }}"
                yield f'{rule} counter accept comment "{of.diversion.open_comment}"'
    ports = _ports(group)
    yield f"tcp dport {{ {ports} }} counter reject with tcp reset"
    yield f"udp dport {{ {ports} }} counter reject with icmpx port-unreachable"
    for of in group:
        for passed in of.transparent.also_pass:
            for match in _request(passed):
                comment = f"{of.conduit.name}: also {passed}"
                yield f'iifname {_clients(of)} {match} counter accept comment "{comment}"'
    # At once, not after a client's own time-out: it shall turn to its other path.
    yield f'meta l4proto tcp counter reject with tcp reset comment "{group[0].diversion.closed_comment}"'
    yield 'counter reject with icmpx admin-prohibited comment "all else"'


def _from_servers(group: list[Diverted]) -> Iterator[str]:
    for of in group:
        if of.diversion.fails_open:
            for family, places in _places(of):
                # An answer, never a connection that a server begins.
                answer = f"{family} saddr . tcp sport {{ {places} }} tcp flags & (syn | ack) != syn"
                comment = f"{of.conduit.name}: open, answers"
                yield f'oifname {_clients(of)} {answer} counter accept comment "{comment}"'
    # The reset frees the server's place of a connection that nobody holds any more.
    yield f"tcp sport {{ {_ports(group)} }} counter reject with tcp reset"
    for of in group:
        for passed in of.transparent.also_pass:
            for match in _reply(passed):
                comment = f"{of.conduit.name}: also {passed}, answers"
                yield f'oifname {_clients(of)} {match} counter accept comment "{comment}"'
    yield 'counter drop comment "begun by servers"'


def _clients(of: Diverted) -> str:
    return _interfaces(of.transparent.clients_on)


def _ports(group: list[Diverted]) -> str:
    return ", ".join(str(port) for port in sorted({port for of in group for port in of.ports}))


def _places(of: Diverted) -> Iterator[tuple[str, str]]:
    for version, (family, _) in _FAMILIES.items():
        if sockets := of.sockets_of(version):
            yield family, ", ".join(f"{socket.address} . {socket.port}" for socket in sockets)


def _request(passed: AlsoPass) -> Iterator[str]:
    if passed.protocol == PassProtocol.ICMP:
        yield from (echo.format("request") for echo in _ECHO.values())
    else:
        yield f"{passed.protocol} dport {passed.port}"


def _reply(passed: AlsoPass) -> Iterator[str]:
    """Answers only: a server begins nothing."""
    if passed.protocol == PassProtocol.ICMP:
        yield from (echo.format("reply") for echo in _ECHO.values())
    elif passed.protocol == PassProtocol.TCP:
        yield f"tcp sport {passed.port} tcp flags & (syn | ack) != syn"
    else:
        yield f"udp sport {passed.port} ct state established"


def _interfaces(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"
