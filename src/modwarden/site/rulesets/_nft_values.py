"""Left and right sides of nftables matches: which dimension a word speaks of, and which numbers it means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

from modwarden.site.rulesets._names import (
    PROTOCOLS,
    WITH_PORTS,
    icmp_type_number,
    port_number,
    protocol_number,
)
from modwarden.site.rulesets.ir import ANY, NEW, STATES, Kind, Kinds, Match, Names
from modwarden.site.rulesets.sets import (
    ADDRESSES,
    ALL,
    PORTS,
    SERVICES,
    SOURCE_PORTS,
    V4,
    V6_SET,
    Interval,
    IntervalSet,
    address_number,
    network_interval,
    service,
)

Numbers: TypeAlias = Callable[[Any], list[Interval]]
# An ICMP type is one byte.
_TYPES: Interval = (0, 0x100)
_FAMILIES = {"ip": V4, "ipv4": V4, "ip6": V6_SET, "ipv6": V6_SET, 2: V4, 10: V6_SET}
_TRANSPORTS = {"tcp": (6,), "udp": (17,), "dccp": (33,), "sctp": (132,), "udplite": (136,), "th": WITH_PORTS}


# No packet at all.
_NONE = Match(service=IntervalSet(()))
# Bits that tell the first packet of a TCP connection from others. It may have any of the rest: hosts answer a
# SYN with PSH or URG, some of them one with FIN, and those of ECN are asked for by it.
_TELLING = frozenset({"syn", "ack", "rst"})
_FREE = frozenset({"fin", "psh", "urg", "ecn", "ece", "cwr"})
# Headers that may stand before that of the protocol, by their numbers; `ip6 nexthdr` sees the first alone.
_BEFORE_IT = (0, 43, 44, 51, 60, 135, 139, 140)


class UnknownWordError(ValueError):
    """A word that this importer does not understand; whoever meets it widens the rule, to `wider` at most."""

    def __init__(self, what: str, wider: Match = ANY) -> None:
        super().__init__(what)
        self.wider = wider


@dataclass(slots=True)
class NamedSets:
    """Sets and maps of one table by name; None for those whose members change while they are loaded."""

    members: dict[str, list[Any] | None] = field(default_factory=dict)

    def atoms(self, right: Any) -> list[Any]:
        """Write a right side out into single values, ranges and pairs of a map."""
        if isinstance(right, str) and right.startswith("@"):
            held = self.members.get(right[1:])
            if held is None:
                raise UnknownWordError(f"the members of the set {right[1:]!r} may change")
            return held
        if isinstance(right, Mapping) and "set" in right:
            return [plain_element(item) for item in as_list(right["set"])]
        return [plain_element(item) for item in as_list(right)]


def plain_element(item: Any) -> Any:
    """Take a set's element out of what nft writes around it; one with a time-out may vanish."""
    if isinstance(item, Mapping) and "elem" in item:
        if "timeout" in item["elem"] or "expires" in item["elem"]:
            raise UnknownWordError("an element of a set has a time-out")
        return item["elem"]["val"]
    return item


def as_list(value: Any) -> list[Any]:
    """Give a list, also of one."""
    return value if isinstance(value, list) else [value]


def match_of(left: Mapping[str, Any], atoms: list[Any], operator: str) -> tuple[Match, ...]:
    """
    Give the packets that a comparison holds for, exactly.

    Raises:
        UnknownWordError: it speaks of something that is no dimension of the proof.
    """
    if "concat" in left:
        if operator not in ("==", "in"):
            raise UnknownWordError("a comparison of several fields at once, negated")
        return tuple(_concatenated(left["concat"], atom) for atom in atoms)
    return (_single(left, atoms, operator),)


def _concatenated(parts: list[Any], atom: Any) -> Match:
    values = atom["concat"] if isinstance(atom, Mapping) and "concat" in atom else [atom]
    if len(values) != len(parts):
        raise UnknownWordError("a set whose elements have another number of fields")
    found = ANY
    for part, value in zip(parts, values, strict=True):
        try:
            found = found.and_also(_single(part, [value], "=="))
        except UnknownWordError as error:
            # Of the other elements it says nothing.
            raise UnknownWordError(str(error)) from error
    return found


def _single(left: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    if len(left) != 1:
        raise UnknownWordError(f"the field {left}")
    ((kind, body),) = left.items()
    if kind == "&" and isinstance(body, list) and "payload" in body[0]:
        payload = body[0]["payload"]
        if (payload.get("protocol"), payload.get("field")) == ("tcp", "flags"):
            return _first_packet(body[1], atoms, operator)
        raise UnknownWordError(
            f"bits of {payload.get('protocol')} {payload.get('field')}", header_of(payload)
        )
    if not isinstance(body, Mapping):
        raise UnknownWordError(f"the expression {kind!r}")
    if kind == "other":
        raise UnknownWordError(str(body["key"]))
    if kind == "bits":
        raise UnknownWordError(f"bits of {body['protocol']} {body['field']}", header_of(body))
    read = _READERS.get(kind)
    if read is None:
        raise UnknownWordError(f"{kind} {body.get('key', body.get('name', ''))}".strip())
    return read(body, atoms, operator)


def _first_packet(mask: Any, atoms: list[Any], operator: str) -> Match:
    """Hold the flags of a connection's first packet, SYN without ACK and RST, against some of them."""
    tcp = header_of({"protocol": "tcp"})
    bits, wanted = set(_words(as_list(mask))), set(_words(atoms))
    if operator not in ("==", "!=") or not bits | wanted <= _TELLING | _FREE or not wanted <= bits:
        raise UnknownWordError("bits of tcp flags", tcp)
    may_be = bits & {"syn"} == wanted & _TELLING
    if may_be and bits & _FREE:
        raise UnknownWordError("bits of tcp flags that a first packet may have", tcp)
    is_so = may_be != (operator == "!=")
    return tcp if is_so else tcp.and_also(Match(states=STATES - {NEW}))


def _tracked(body: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    if body.get("key") != "state":
        raise UnknownWordError(f"ct {body.get('key')}")
    named = STATES.intersection(_words(atoms))
    return Match(states=STATES - named if operator == "!=" else named)


def _held(body: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    """Read `socket transparent 1`: packets of connections that a program holds; no first packet of TCP is."""
    key = body.get("key")
    if (key, atoms, operator) != ("transparent", [1], "=="):
        raise UnknownWordError(f"socket {key}")
    others = service(6).without(SERVICES)
    raise UnknownWordError("socket transparent, of what is not TCP", Match(service=others))


def _kinds(body: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    """Read `fib daddr type local`; what asks for more than the destination is not known here."""
    words, known = set(_words(atoms)), {kind.value for kind in Kind}
    if (body.get("result"), body.get("flags")) != ("type", ["daddr"]) or not words <= known:
        flags = " . ".join(as_list(body.get("flags")))
        raise UnknownWordError(f"fib {flags} {body.get('result')}")
    return Match(kinds=(Kinds(tuple(Kind(word) for word in sorted(words)), operator == "!="),))


def _payload(body: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    protocol, name = body.get("protocol"), body.get("field")
    if protocol in ("ip", "ip6") and name in ("saddr", "daddr"):
        family = V4 if protocol == "ip" else V6_SET
        found = family & _numbers(atoms, operator, address_intervals, ADDRESSES)
        return Match(source=found) if name == "saddr" else Match(destination=found)
    if (protocol, name) == ("ip", "protocol"):
        return Match(V4, V4, _numbers(atoms, operator, _protocol_intervals, SERVICES))
    if (protocol, name) == ("ip6", "nexthdr"):
        raise UnknownWordError("ip6 nexthdr, of packets with more headers", _with_next(atoms, operator))
    if protocol in _TRANSPORTS and name in ("sport", "dport"):
        ports = _numbers(atoms, operator, port_intervals, SOURCE_PORTS)
        return _on_ports(_TRANSPORTS[str(protocol)], ports, is_source=name == "sport")
    if protocol in ("icmp", "icmpv6") and name == "type":
        read = partial(_icmp_type_intervals, str(protocol))
        return Match(service=service(PROTOCOLS[str(protocol)], _numbers(atoms, operator, read, _TYPES)))
    raise UnknownWordError(f"{protocol} {name}" if protocol is not None else "raw payload", header_of(body))


def _with_next(atoms: list[Any], operator: str) -> Match:
    """Give what `ip6 nexthdr` may match: it reads the first number, and other headers may come first."""
    found = _numbers(atoms, operator, _protocol_intervals, SERVICES)
    before = IntervalSet.of((number * PORTS, (number + 1) * PORTS) for number in _BEFORE_IT)
    return Match(V6_SET, V6_SET, found if (found & before).is_empty else ALL)


def header_of(body: Mapping[str, Any]) -> Match:
    """Give the packets that have a header of this kind at all."""
    protocol = str(body.get("protocol"))
    if protocol in ("ip", "ip6"):
        family = V4 if protocol == "ip" else V6_SET
        return Match(family, family)
    number = protocol_number(protocol)
    return ANY if number is None else Match(service=service(number))


def _on_ports(protocols: Iterable[int], ports: IntervalSet, *, is_source: bool) -> Match:
    reach = IntervalSet(())
    for number in protocols:
        reach |= service(number, ALL if is_source else ports)
    return Match(service=reach, source_port=ports if is_source else ALL)


def _meta(body: Mapping[str, Any], atoms: list[Any], operator: str) -> Match:
    key = str(body.get("key"))
    if key in ("iif", "iifname", "oif", "oifname"):
        names = Names(tuple(_words(atoms)), is_negated=operator == "!=")
        return Match(inward=(names,)) if key.startswith("i") else Match(outward=(names,))
    if key == "l4proto":
        return Match(service=_numbers(atoms, operator, _protocol_intervals, SERVICES))
    if key in ("nfproto", "protocol") and all(atom in _FAMILIES for atom in atoms):
        found = IntervalSet(())
        for atom in atoms:
            found |= _FAMILIES[atom]
        found = found.without(ADDRESSES) if operator == "!=" else found
        return Match(found, found)
    raise UnknownWordError(f"meta {key}")


def _words(atoms: list[Any]) -> list[str]:
    if not all(isinstance(atom, str) for atom in atoms):
        raise UnknownWordError(f"the value {atoms!r}")
    return atoms


def _numbers(atoms: list[Any], operator: str, read: Numbers, whole: Interval) -> IntervalSet:
    if operator in ("<", ">", "<=", ">="):
        ((first, end),) = read(atoms[0])
        spans = {
            "<": (whole[0], first), "<=": (whole[0], end), ">": (end, whole[1]), ">=": (first, whole[1])
        }  # fmt: skip
        return IntervalSet.of([spans[operator]])
    found = IntervalSet.of(pair for atom in atoms for pair in read(atom))
    return found.without(whole) if operator == "!=" else found


def address_intervals(atom: Any) -> list[Interval]:
    """Read an address, a prefix or a range."""
    try:
        if isinstance(atom, Mapping) and "prefix" in atom:
            network = ip_network(f"{atom['prefix']['addr']}/{atom['prefix']['len']}", strict=False)
            return [network_interval(network)]
        if isinstance(atom, Mapping) and "range" in atom:
            low, high = (address_number(ip_address(text)) for text in atom["range"])
            return [(low, high + 1)]
        if isinstance(atom, str) and atom == "*":
            return [ADDRESSES]
        number = _one_address(atom)
    except ValueError as error:
        raise UnknownWordError(f"the address {atom!r}") from error
    return [(number, number + 1)]


@cache
def _one_address(text: str) -> int:
    return address_number(ip_address(text))


def port_intervals(atom: Any) -> list[Interval]:
    """Read a port, its name or a range."""
    if isinstance(atom, Mapping) and "range" in atom:
        low, high = (port_number(word) for word in atom["range"])
    else:
        low = high = port_number(atom) if isinstance(atom, int | str) else None
    if low is None or high is None:
        raise UnknownWordError(f"the port {atom!r}")
    return [(low, high + 1)]


def _icmp_type_intervals(protocol: str, atom: Any) -> list[Interval]:
    ends = atom["range"] if isinstance(atom, Mapping) and "range" in atom else [atom, atom]
    low, high = (icmp_type_number(protocol, word) if isinstance(word, int | str) else None for word in ends)
    if low is None or high is None:
        raise UnknownWordError(f"{protocol} type {atom!r}", Match(service=service(PROTOCOLS[protocol])))
    return [(low, high + 1)]


def _protocol_intervals(atom: Any) -> list[Interval]:
    if isinstance(atom, Mapping) and "range" in atom:
        low, high = (protocol_number(word) for word in atom["range"])
    else:
        low = high = protocol_number(atom) if isinstance(atom, int | str) else None
    if low is None or high is None:
        raise UnknownWordError(f"the protocol {atom!r}")
    return [(low * PORTS, (high + 1) * PORTS)]


_READERS: dict[str, Callable[[Mapping[str, Any], list[Any], str], Match]] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _tracked,
    "socket": _held,
    "fib": _kinds,
}
