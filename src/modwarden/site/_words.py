"""Small grammars of the site file: durations, sizes, ranges, wildcards, places, sockets."""

import re
from ipaddress import ip_address, ip_network

from modwarden.model import FROM_CERTIFICATE, LAST_ADDRESS, Address, Network, Port, Socket, Span, Table
from modwarden.site.problems import Mistake, did_you_mean

# As many as one line of a site file may stand for: a /16 network.
_MAX_EXPANSION = 65_536
_RANGE = re.compile(r"\[(\d{1,9})-(\d{1,9})\]")
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$")
_DURATIONS_MS = {"ms": 1, "s": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZES = {"B": 1} | {
    prefix + unit: factor**power
    for power, prefix in enumerate("kMGT", start=1)
    for unit, factor in (("B", 1000), ("iB", 1024))
}
_SIZES |= {"KB": 1000, "KiB": 1024}
_SPAN = re.compile(r"^([a-z_]+)\s+(\d{1,6})(?:\s*-\s*(\d{1,6}))?$")
_MAX_PORT = 65_535
_LONGEST_URL = 512
_IPV6 = 6
_RESPONDER = re.compile(
    r"http://(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?:/[!\"$-~]*)?"
)
_PORT = re.compile(r"^(tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?$")


def parse_duration(text: object) -> int:
    """Read `500ms`, `30s`, `5min`, `1h` or `400d` as milliseconds."""
    amount = _amount(text, _DURATIONS_MS)
    if amount is None or amount < 1:
        raise Mistake(
            "bad-duration",
            f"{text!r} is not a duration",
            "write a number with its unit: 500ms, 30s, 1h, 400d",
        )
    return amount


def parse_responder(text: object) -> str:
    """Read where a responder of revocation status listens: a URL in the clear, or `from_certificate`."""
    if text == FROM_CERTIFICATE:
        return FROM_CERTIFICATE
    match = _RESPONDER.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_URL else None
    is_place = match is not None and 0 < int(match["port"] or 80) <= _MAX_PORT
    if match is None or not is_place or not _is_host(match["v6"]):
        hint = "write it like http://10.20.0.9:2560/ (its answers are signed), or from_certificate"
        raise Mistake("bad-responder", f"{text!r} is no place to ask", hint)
    return match[0]


def _is_host(v6: str | None) -> bool:
    try:
        return v6 is None or ip_address(v6).version == _IPV6
    except ValueError:
        return False


def parse_size(text: object) -> int:
    """Read `200GB` or `4GiB` as bytes."""
    amount = _amount(text, _SIZES)
    if amount is None or amount < 1:
        raise Mistake(
            "bad-size", f"{text!r} is not a size", "write a number with its unit: 500MB, 200GB, 1TiB"
        )
    return amount


def _amount(text: object, units: dict[str, int]) -> int | None:
    match = _AMOUNT.match(text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        return None
    return round(float(match[1]) * units[match[2]])


def parse_span(text: object) -> Span:
    """Read `holding_register 0-99` or `coil 3`."""
    match = _SPAN.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise Mistake(
            "bad-range", f"{text!r} is no range of a table", 'write it like "holding_register 0-99"'
        )
    table = parse_table(match[1])
    first, last = int(match[2]), int(match[3] or match[2])
    if last < first:
        raise Mistake("bad-range", f"{text!r} ends before it begins", f'write "{table} {last}-{first}"')
    if last > LAST_ADDRESS:
        hint = f"addresses are 0-based, 0 to {LAST_ADDRESS}; 4xxxx notation is for CSV files only"
        raise Mistake("outside-table", f"{text!r} lies outside its table", hint)
    return Span(table, first, last)


def parse_table(text: str) -> Table:
    """Read the name of a table."""
    tables = [table.value for table in Table]
    if text not in tables:
        hint = did_you_mean(text, tables, f"tables are {', '.join(tables)}")
        raise Mistake("unknown-table", f"there is no table {text!r}", hint)
    return Table(text)


def expand(text: str) -> list[str]:
    """Write out `ahu-[001-200]`; a text without a range stands for itself."""
    ranges = _RANGE.findall(text)
    if not ranges:
        return [text]
    if len(ranges) > 1:
        raise Mistake(
            "bad-range", f"{text!r} holds two number ranges", "use one range in each name or address"
        )
    (first_text, last_text) = ranges[0]
    first, last = int(first_text), int(last_text)
    if last < first or last - first >= _MAX_EXPANSION:
        raise Mistake(
            "bad-range",
            f"{text!r} is no number range",
            f"write the smaller number first, and at most {_MAX_EXPANSION}",
        )
    width = len(first_text)
    return [_RANGE.sub(f"{number:0{width}d}", text, count=1) for number in range(first, last + 1)]


def expand_beside(text: str, names: list[str]) -> list[str]:
    """Write out what stands beside names: a range of the same length, or one text for all."""
    texts = expand(text)
    if texts == [text] and not _RANGE.search(text):
        return [text] * len(names)
    if len(texts) != len(names):
        what = f"{text!r} stands for {len(texts)}, its name for {len(names)}"
        raise Mistake("range-lengths", what, "ranges on one line have equal length")
    return texts


def holds_range(text: str) -> bool:
    """Say whether a text has range notation in it."""
    return _RANGE.search(text) is not None


def matching(pattern: str, names: list[str]) -> list[str]:
    """
    List the names that a pattern means: itself, a number range, or `*` for any text.

    Raises:
        Mistake: some numbers of a range name something, others nothing.
    """
    found: dict[str, None] = {}
    missing: list[str] = []
    for text in expand(pattern):
        whole = re.compile(".*".join(re.escape(part) for part in text.split("*")))
        meant = [name for name in names if whole.fullmatch(name)]
        found |= dict.fromkeys(meant)
        missing += [] if meant else [text]
    if found and missing:
        # A `never` that runs past the names that exist would forbid less than it says.
        what = f"{pattern!r} also names {missing[0]!r}, which does not exist here"
        raise Mistake("range-past-names", what, "let the range hold the names that exist, no more")
    return list(found)


def parse_address(text: str) -> Address:
    """Read an IPv4 or IPv6 address."""
    try:
        return ip_address(text)
    except ValueError:
        raise Mistake(
            "bad-address", f"{text!r} is no IP address", "write it like 10.11.0.17 or 2001:db8::17"
        ) from None


def parse_network(text: str) -> Network:
    """Read a network; host bits are a mistake, since two readings of them are possible."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Mistake("bad-network", f"{text!r} is no network", "write it like 10.11.0.0/16") from None
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise Mistake(
            "bad-network",
            f"{text!r} has host bits set",
            f"write {network}, or {text.partition('/')[0]} alone",
        )
    return network


def parse_socket(text: str) -> Socket:
    """Read `10.10.0.2:1502` or `[2001:db8::2]:1502`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise Mistake(
            "bad-socket",
            f"{text!r} is no address and port",
            "write it like 10.10.0.2:1502 or [2001:db8::2]:1502",
        )
    return Socket(parse_address(host.removeprefix("[").removesuffix("]")), int(port))


def parse_port(text: object) -> Port:
    """Read `tcp/443` or `tcp/5000-5010`."""
    match = _PORT.match(text) if isinstance(text, str) else None
    if match is None:
        raise Mistake("bad-port", f"{text!r} is no port", "write it like tcp/443 or tcp/5000-5010")
    first, last = int(match[2]), int(match[3] or match[2])
    if not 0 < first <= last <= _MAX_PORT:
        raise Mistake("bad-port", f"{text!r} is no port", f"ports are 1 to {_MAX_PORT}, the smaller first")
    return Port(match[1], first, last)


def parse_flow_port(text: object) -> Port:
    """Read `tcp/443`, `tcp/5000-5010`, `udp/123`, or `icmp` for an echo."""
    if text == "icmp":
        return Port("icmp", 0, 0)
    try:
        return parse_port(text)
    except Mistake as mistake:
        hint = "write it like tcp/443, tcp/5000-5010, udp/123 or icmp"
        raise Mistake(mistake.name, mistake.what, hint) from mistake
