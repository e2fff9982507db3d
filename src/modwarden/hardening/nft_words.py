"""Words of nftables for sets of addresses and ports: as short as they can be, and always the same."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from modwarden.hardening.file import one_line
from modwarden.hardening.needs import Target
from modwarden.model import Address
from modwarden.site.rulesets.sets import ADDRESSES, SOURCE_PORTS, V4_ONLY, V6, V6_ONLY, Interval, IntervalSet

FAMILIES = {4: "ip", 6: "ip6"}
SPANS = {4: V4_ONLY, 6: V6_ONLY}
_ECHO = {4: "icmp type echo-request", 6: "icmpv6 type echo-request"}
# NFTNL_UDATA_COMMENT_MAXLEN is 128, its closing zero included.
_LONGEST_COMMENT = 120


def of_version(held: IntervalSet, version: int) -> IntervalSet:
    """Give the addresses of one IP version."""
    return held & IntervalSet((SPANS[version],))


def accepts(source: IntervalSet | None, target: Target, *, comment: str, before: str = "") -> Iterator[str]:
    """
    Write the rules that let new connections pass, one for each IP version that both sides have.

    Args:
        source: who connects; None where that is not asked.
        target: to what; with all addresses of a version where that is not asked.
        comment: what the rule is for.
        before: interfaces, as nft writes them.
    """
    for version in FAMILIES:
        to = of_version(target.addresses, version)
        there = None if source is None else of_version(source, version)
        if to.is_empty or (there is not None and there.is_empty):
            continue
        sides = [_side("saddr", there, version), _side("daddr", to, version)]
        # Without an address a rule would hold for both versions.
        family = [] if any(sides) else [f"meta nfproto ipv{version}"]
        words = [
            before,
            *family,
            *sides,
            service_words(target, version),
            "counter accept",
            quoted_comment(comment),
        ]
        yield " ".join(word for word in words if word)


def quoted_comment(text: str) -> str:
    """Write a rule's comment; an operator's words stay within it."""
    plain = one_line(text).replace('"', "'").replace("\\", "/")
    return f'comment "{plain.encode()[:_LONGEST_COMMENT].decode(errors="ignore")}"'


def interface(key: str, names: Iterable[str]) -> str:
    """Write a match on interfaces."""
    quoted = [f'"{name}"' for name in names]
    return f"{key} {one_or_set(quoted)}"


def one_or_set(words: list[str]) -> str:
    """Write one value plainly, and several as a set."""
    return words[0] if len(words) == 1 else f"{{ {', '.join(words)} }}"


def address_words(held: IntervalSet, version: int) -> list[str]:
    """Write each run of addresses as an address, a prefix or a range."""
    return [_run(pair) for pair in of_version(held, version).pieces(ADDRESSES)]


def prefix_words(held: IntervalSet, version: int) -> list[str]:
    """Write addresses as prefixes, for those who know no ranges."""
    return [
        str(network)
        for first, end in of_version(held, version).pieces(ADDRESSES)
        for network in summarize_address_range(_address(first), _address(end - 1))
    ]


def port_words(held: IntervalSet) -> list[str]:
    """Write each run of ports."""
    runs = held.pieces(SOURCE_PORTS)
    return [str(first) if end == first + 1 else f"{first}-{end - 1}" for first, end in runs]


def _side(key: str, held: IntervalSet | None, version: int) -> str:
    if held is None or held.intervals == (SPANS[version],):
        return ""
    return f"{FAMILIES[version]} {key} {one_or_set(address_words(held, version))}"


def service_words(target: Target, version: int) -> str:
    """Write a match on a target's protocol and ports."""
    if target.protocol == "icmp":
        return _ECHO[version]
    if target.ports.is_empty:
        return f"meta l4proto {target.protocol}"
    return f"{target.protocol} dport {one_or_set(port_words(target.ports))}"


def _run(pair: Interval) -> str:
    first, last = _address(pair[0]), _address(pair[1] - 1)
    if first == last:
        return str(first)
    networks = list(summarize_address_range(first, last))
    return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"


def _address(number: int) -> Address:
    return IPv4Address(number) if number < V6 else IPv6Address(number - V6)
