"""What was collected of a host, read: rule sets, addresses, routes, listeners, settings, tunnels."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias, TypeVar

from modwarden.drift.collected import Collected
from modwarden.model import Address, Network, Origin
from modwarden.site.rulesets import Ruleset, RulesetError, parse_iptables_save, parse_nft_json, read_together

_Held = TypeVar("_Held")
# Family and name.
_TableName: TypeAlias = tuple[str, str]
_TABLE_OF_IPTABLES = re.compile(r"^\*(\w+)", re.MULTILINE)
_RULES_OF_IPTABLES = (
    ("iptables.v4", "ip"),
    ("ip6tables.v6", "ip6"),
    ("iptables-legacy.v4", "ip"),
    ("ip6tables-legacy.v6", "ip6"),
)
# The numbers of listening TCP sockets, and of UDP sockets that no peer was named for.
_LISTENING = {"tcp": "0A", "udp": "07"}
_NOT_OURS = frozenset({"local", "broadcast", "multicast", "anycast"})
# Held back rather than led somewhere.
_NOWHERE = frozenset({"blackhole", "unreachable", "prohibit", "throw"})


@dataclass(frozen=True, slots=True)
class LoadedRoute:
    """A route of the kernel: to where, and by which gateway or link."""

    to: Network
    via: Address | None
    link: str
    table: str
    is_of_kernel: bool


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule that chooses the routing table."""

    priority: int
    table: str
    mark: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes to it, and who holds it."""

    protocol: str
    address: Address
    port: int
    holder: str = ""

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        by = f" (held by {self.holder})" if self.holder else ""
        return f"{self.protocol} {host}:{self.port}{by}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer of a WireGuard interface."""

    public_key: str
    allowed: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class WireGuard:
    """A WireGuard interface."""

    name: str
    public_key: str
    port: int
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class IpsecPolicy:
    """What IPsec takes from the routes, and leads into a tunnel or out of one."""

    source: Network
    destination: Network
    direction: str

    def __str__(self) -> str:
        return f"src {self.source} dst {self.destination} dir {self.direction}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A host as it was found; None for what nobody could look at."""

    at: datetime
    rulesets: tuple[Ruleset, ...] | None
    links: Mapping[str, tuple[Address, ...]] | None
    networks: Mapping[str, tuple[Network, ...]]
    """What each interface takes for on link, by its addresses' prefixes."""
    routes: tuple[LoadedRoute, ...] | None
    policies: tuple[PolicyRule, ...] | None
    listeners: tuple[Listener, ...] | None
    settings: Mapping[str, str] | None
    wireguard: tuple[WireGuard, ...] | None
    refused: tuple[RulesetError, ...] = ()
    unseen: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    raw_rules: tuple[Mapping[str, Any], ...] = ()
    masters: Mapping[str, str] = field(default_factory=dict)
    """Of what each interface is a port, by its name."""
    up: frozenset[str] = frozenset()
    ipsec: tuple[IpsecPolicy, ...] | None = None

    @property
    def has_hidden_rules(self) -> bool:
        """Say whether the kernel runs rules that nobody printed."""
        return any("-legacy." in one.partition(":")[0] for one in self.unseen)


def read_collected(collected: Collected) -> Loaded:
    """Read all files; what is not as its program writes it counts as not seen, and is named."""
    reader = _Reader(collected, dict(collected.missing))
    rulesets = reader.rulesets()
    addresses = reader.read("addresses.json", _addresses)
    return Loaded(
        at=collected.at,
        rulesets=rulesets,
        links=None
        if addresses is None
        else {name: tuple(a for a, _ in own) for name, own in addresses.items()},
        networks={name: tuple(n for _, n in own) for name, own in (addresses or {}).items()},
        routes=reader.both("routes{}.json", _routes),
        policies=reader.both("rules{}.json", _policies),
        listeners=reader.listeners(),
        settings=reader.read("settings.json", lambda text: dict(json.loads(text))),
        wireguard=reader.read("wireguard.dump", _wireguard),
        refused=tuple(reader.refused),
        unseen=tuple(f"{name}: {reason}" for name, reason in sorted(reader.missing.items())),
        inputs=dict(collected.files),
        raw_rules=tuple(reader.read("nft.json", _raw_rules) or ()),
        masters=reader.read("addresses.json", _masters) or {},
        up=reader.read("addresses.json", _up) or frozenset(),
        ipsec=reader.read("xfrm.policy", _ipsec),
    )


@dataclass(slots=True)
class _Reader:
    collected: Collected
    missing: dict[str, str]
    refused: list[RulesetError] = field(default_factory=list)

    def read(self, name: str, parse: Callable[[str], _Held]) -> _Held | None:
        text = self.collected.files.get(name)
        if text is None:
            return None
        try:
            return parse(text)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.missing[name] = f"it is not as its program writes it ({error})"
            return None

    def both(self, name: str, parse: Callable[[str, int], tuple[_Held, ...]]) -> tuple[_Held, ...] | None:
        """Read a file of each IP version; one alone is as good as none."""
        halves = [self.read(name.format(v), lambda text, v=v: parse(text, v)) for v in (4, 6)]  # type: ignore[misc]
        if any(half is None for half in halves):
            return None
        return tuple(one for half in halves for one in half or ())

    def rulesets(self) -> tuple[Ruleset, ...] | None:
        """Give all that filters packets; None where the kernel's own list was not to be had, or not read."""
        text = self.collected.files.get("nft.json")
        if text is None:
            return None
        foreign = self.read("nft.json", _of_iptables) or set()
        found = []
        taken: set[_TableName] = set()
        for name, family in _RULES_OF_IPTABLES:
            saved = self.collected.files.get(name, "")
            tables = {(family, table) for table in _TABLE_OF_IPTABLES.findall(saved)}
            # What it shows of nf_tables is there twice, and in part; its own modules only it can show.
            if "nf_tables" in saved or "nft-save" in saved:
                tables &= foreign
                taken |= tables
            if tables:
                found += self._parsed(partial(parse_iptables_save, saved, name, is_ipv6=family == "ip6"))
                names = {table for _, table in tables}
                found[-1:] = [_only_tables(one, names) for one in found[-1:]]
        found += self._parsed(lambda: parse_nft_json(_without(text, taken), "nft.json"))
        return None if self.refused else read_together(found)

    def _parsed(self, parse: Callable[[], Ruleset]) -> list[Ruleset]:
        try:
            return [parse()]
        except RulesetError as error:
            self.refused.append(error)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.refused.append(
                RulesetError(Origin("nft.json", 1), f"not as nft writes it ({error})", "collect anew")
            )
        return []

    def listeners(self) -> tuple[Listener, ...] | None:
        holders: dict[str, str] = self.read("holders.json", lambda text: dict(json.loads(text))) or {}
        found: list[Listener] = []
        for name in ("tcp", "tcp6", "udp", "udp6"):
            held = self.read(name, lambda text, n=name: list(_listeners(text, n[:3], holders)))  # type: ignore[misc]
            if held is None:
                return None
            found += held
        return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.protocol, one.port, str(one.address))))


def _of_iptables(text: str) -> set[_TableName]:
    """List the tables that hold what only iptables' own modules understand."""
    return {
        (str(rule["family"]), str(rule["table"]))
        for rule in _raw_rules(text)
        if any("xt" in statement for statement in rule.get("expr", ()))
    }


def _only_tables(ruleset: Ruleset, names: set[str]) -> Ruleset:
    return replace(ruleset, tables=tuple(table for table in ruleset.tables if table.name in names))


def _without(text: str, owned: set[_TableName]) -> str:
    """Leave out the tables that `iptables-save` has shown already; their lines stay where they are."""
    if not owned:
        return text
    body = json.loads(text)
    body["nftables"] = [
        item
        for item in body["nftables"]
        if not any(
            (one.get("family"), one.get("name" if kind == "table" else "table")) in owned
            for kind, one in item.items()
        )
    ]
    return json.dumps(body)


def _raw_rules(text: str) -> list[Mapping[str, Any]]:
    return [item["rule"] for item in json.loads(text)["nftables"] if "rule" in item]


def _addresses(text: str) -> dict[str, list[tuple[Address, Network]]]:
    return {
        str(link["ifname"]): [
            (ip_address(one["local"]), ip_network(f"{one['local']}/{one['prefixlen']}", strict=False))
            for one in link["addr_info"]
            if "local" in one
        ]
        for link in json.loads(text or "[]")
        if link
    }


def _masters(text: str) -> dict[str, str]:
    return {str(link["ifname"]): str(link["master"]) for link in json.loads(text or "[]") if "master" in link}


def _up(text: str) -> frozenset[str]:
    return frozenset(
        str(link["ifname"]) for link in json.loads(text or "[]") if "UP" in link.get("flags", ())
    )


def _ipsec(text: str) -> tuple[IpsecPolicy, ...]:
    """Read `ip xfrm policy`: a line of networks, then indented ones of what becomes of them."""
    found = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        words = block.split()
        # Without a template nothing is led elsewhere; sockets' policies have no direction.
        if "tmpl" in words and "dir" in words:
            source, to = words[words.index("src") + 1], words[words.index("dst") + 1]
            networks = ip_network(source, strict=False), ip_network(to, strict=False)
            found.append(IpsecPolicy(*networks, words[words.index("dir") + 1]))
    return tuple(found)


def _routes(text: str, version: int) -> tuple[LoadedRoute, ...]:
    return tuple(one for item in json.loads(text or "[]") for one in _route(item, version))


def _route(item: Mapping[str, Any], version: int) -> Iterator[LoadedRoute]:
    kind = str(item.get("type", "unicast"))
    if kind in _NOT_OURS | _NOWHERE:
        return
    to = {4: "0.0.0.0/0", 6: "::/0"}[version] if item["dst"] == "default" else str(item["dst"])
    for hop in item.get("nexthops", [item]):
        via = hop.get("gateway") or hop.get("via", {}).get("host")
        yield LoadedRoute(
            ip_network(to, strict=False),
            None if via is None else ip_address(via),
            str(hop.get("dev", "")),
            str(item.get("table", "main")),
            item.get("protocol") in ("kernel", "ra") and via is None,
        )


def _policies(text: str, version: int) -> tuple[PolicyRule, ...]:
    return tuple(_policy(item, version) for item in json.loads(text or "[]"))


def _policy(item: Mapping[str, Any], version: int) -> PolicyRule:
    mark = item.get("fwmark")
    said = [f"{key} {value}" for key, value in item.items() if key not in ("priority", "table")]
    return PolicyRule(
        int(item["priority"]),
        str(item.get("table", "")),
        None if mark is None else int(str(mark), 0),
        f"ip -{version} rule {item['priority']}: {' '.join(said)} lookup {item.get('table', '?')}",
    )


def _listeners(text: str, protocol: str, holders: Mapping[str, str]) -> Iterator[Listener]:
    for line in text.splitlines()[1:]:
        words = line.split()
        if not words or words[3] != _LISTENING[protocol]:
            continue
        host, port = words[1].split(":")
        peer = words[2].rpartition(":")[2]
        if int(peer, 16) == 0:
            yield Listener(protocol, _kernel_address(host), int(port, 16), holders.get(words[9], ""))


def _kernel_address(text: str) -> Address:
    """Read an address as /proc/net writes it: words of 32 bits, each with its small end first."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return IPv4Address(words[0]) if len(words) == 1 else IPv6Address(b"".join(words))


def _wireguard(text: str) -> tuple[WireGuard, ...]:
    peers: dict[str, list[Peer]] = {}
    heads: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        columns = line.split("\t")
        name = columns[0]
        if len(columns) == 5:
            heads[name] = columns[2], int(columns[3])
        else:
            allowed = (
                () if columns[4] == "(none)" else tuple(ip_network(one) for one in columns[4].split(","))
            )
            peers.setdefault(name, []).append(Peer(columns[1], allowed))
    return tuple(
        WireGuard(name, key, port, tuple(peers.get(name, ()))) for name, (key, port) in heads.items()
    )
