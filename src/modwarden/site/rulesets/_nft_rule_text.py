"""One rule in nftables' language, as the statements of its JSON."""

from typing import Any

from modwarden.site.rulesets._nft_text_values import parse_nat_target, parse_value
from modwarden.site.rulesets._nft_tokens import Tokens

_TWO_WORDS = frozenset({
    "ip", "ip6", "tcp", "udp", "udplite", "sctp", "dccp", "th", "icmp", "icmpv6", "igmp", "ether", "vlan",
    "arp",
    "esp", "ah", "comp",
})  # fmt: skip
_META = frozenset({
    "iif", "iifname", "iiftype", "iifgroup", "oif", "oifname", "oiftype", "oifgroup", "mark", "l4proto",
    "nfproto",
    "protocol", "skuid", "skgid", "cgroup", "cpu", "pkttype", "length", "priority", "rtclassid", "ipsec",
    "time",
    "day", "hour", "ibrname", "obrname", "random", "nftrace", "broute", "sdif", "sdifname", "ibrpvid",
})  # fmt: skip
_VERDICTS = frozenset({"accept", "drop", "return", "continue"})
_NAT = frozenset({"dnat", "snat", "masquerade", "redirect"})
_OPERATORS = ("==", "!=", "<", ">", "<=", ">=")
_ENDS = ("\n", ";", "}", "")
_HEADS = _TWO_WORDS | _META | _VERDICTS | _NAT | {
    "meta", "ct", "fib", "rt", "socket", "counter", "log", "limit", "quota", "reject", "jump", "goto",
    "queue",
    "notrack", "tproxy", "flow", "comment", "add", "update", "delete", "dup", "fwd", "synproxy", "exthdr",
    "numgen",
    "jhash", "symhash", "osf", "tunnel", "last", "vmap",
}  # fmt: skip
_CT_OBJECTS = ("helper", "expectation", "timeout")
_FLAGS = {"payload": {"protocol": "tcp", "field": "flags"}}
# Statements whose own words say nothing to the proof.
_TAILS = {
    "counter": "counter", "log": "log", "limit": "limit", "quota": "quota", "reject": "reject", "queue":
    "queue",
    "notrack": "notrack", "flow": "flow", "add": "set", "update": "set", "delete": "set", "tproxy": "tproxy",
    "synproxy": "synproxy", "dup": "dup", "fwd": "fwd", "last": "last", "comment": "counter",
}  # fmt: skip


def parse_rule(tokens: Tokens) -> list[dict[str, Any]]:
    """
    Read a rule up to its end of line.

    Raises:
        RulesetError: a word that starts no statement known here.
    """
    statements: list[dict[str, Any]] = []
    while tokens.peek() not in _ENDS:
        statements.append(_statement(tokens))
    return statements


def _statement(tokens: Tokens) -> dict[str, Any]:  # noqa: PLR0911  (one return a kind)
    word = tokens.peek()
    if word in _VERDICTS:
        return {tokens.take().text: None}
    if word in ("jump", "goto"):
        tokens.take()
        return {word: {"target": tokens.take().text}}
    if word in _TAILS:
        return _tail(tokens)
    if word in _NAT:
        return _nat(tokens)
    if tokens.peek(1) == "set" or (word in ("meta", "ct") and tokens.peek(2) == "set"):
        return _setting(tokens)
    if tokens.peek(2) == "set" and word in _TWO_WORDS:
        left = _selector(tokens)
        tokens.expect("set")
        return {"mangle": {"key": left, "value": _expression(tokens)}}
    if tokens.peek(1) == "option":
        return _option(tokens)
    return _match(tokens)


def _tail(tokens: Tokens) -> dict[str, Any]:
    word = tokens.take().text
    if word == "reject":
        return {"reject": _refusal(tokens)}
    if word == "tproxy":
        family = tokens.take().text if tokens.peek() in ("ip", "ip6") else None
        _pass_over(tokens)
        return {"tproxy": {"family": family}}
    start = tokens.at
    _pass_over(tokens)
    words = [token.text for token in tokens.listed[start : tokens.at] if not token.is_string]
    return {"set": _filled(words)} if _TAILS[word] == "set" else {_TAILS[word]: None}


def _filled(words: list[str]) -> dict[str, Any]:
    """Read which set a rule changes, and whether what the set keeps for each element is a rate."""
    names = [word for word in words if word.startswith("@")]
    return {"set": names[0] if names else "", "stmt": [{"limit": None}] if "limit" in words else []}


def _refusal(tokens: Tokens) -> dict[str, Any] | None:
    if not tokens.takes("with"):
        return None
    kind = tokens.take().text
    if kind == "tcp":
        tokens.expect("reset")
        return {"type": "tcp reset"}
    _pass_over(tokens)
    return {"type": kind}


def _pass_over(tokens: Tokens) -> None:
    """Pass over words that start no statement; after `with` and `flags` come some that would."""
    previous = ""
    while tokens.peek() not in _ENDS:
        is_head = tokens.peek() in _HEADS and not tokens.listed[tokens.at].is_string
        if is_head and tokens.peek() not in _FOLLOWERS.get(previous, ()):
            return
        if tokens.peek() == "{":
            tokens.skip_block()
            continue
        previous = tokens.take().text


# What may stand behind a word of a statement without beginning another one.
_FOLLOWERS = {"with": ("icmp", "icmpv6", "tcp"), "flags": ("tcp", "ip", "skuid", "ether")}


def _setting(tokens: Tokens) -> dict[str, Any]:
    head = tokens.take().text
    key = tokens.take().text if head in ("meta", "ct") else head
    tokens.expect("set")
    value = _expression(tokens)
    if head == "ct" and key in _CT_OBJECTS:
        return {f"ct {key}": value}
    return {"mangle": {"key": {"meta": {"key": key}}, "value": value}}


def _expression(tokens: Tokens) -> str:
    """Pass over what is written into a field: words, fields and bits of them, and nothing after."""
    _operand(tokens)
    while tokens.takes("&", "|", "^", "and", "or", "xor"):
        _operand(tokens)
    if tokens.takes("map"):
        _map_data(tokens)
        return "map"
    return "plain"


def _operand(tokens: Tokens) -> None:
    if tokens.takes("("):
        _expression(tokens)
        tokens.expect(")")
    elif tokens.peek() in ("meta", "ct", "rt") or tokens.peek() in _TWO_WORDS:
        tokens.take()
        tokens.take()
    else:
        parse_value(tokens)


def _option(tokens: Tokens) -> dict[str, Any]:
    """Read `tcp option maxseg size …`: a match on it, or what is written into it."""
    protocol = tokens.take().text
    tokens.expect("option")
    tokens.take()
    if tokens.peek() not in ("exists", "missing", "set", *_OPERATORS):
        tokens.take()
    if tokens.takes("set"):
        return {"mangle": {"key": {f"{protocol} option": {}}, "value": _expression(tokens)}}
    return _compared(tokens, {"payload": {"protocol": protocol, "field": "option"}})


def _nat(tokens: Tokens) -> dict[str, Any]:
    kind = tokens.take().text
    body: dict[str, Any] = {}
    while tokens.takes("ip", "ip6", "prefix", "addr", "port"):
        pass
    if tokens.takes("to"):
        body = _nat_target(tokens)
    while tokens.takes("random", "fully-random", "persistent", ","):
        pass
    return {kind: body or None}


def _nat_target(tokens: Tokens) -> dict[str, Any]:
    if tokens.peek() in _TWO_WORDS | _META | {"meta", "ct"}:
        left = _left(tokens)
        tokens.expect("map")
        return {"addr": {"map": {"key": left, "data": _map_data(tokens)}}}
    if tokens.peek() in _HEADS or tokens.peek() in _ENDS:
        raise tokens.error(
            f"where to is not understood: {tokens.peek()!r}", "write the address into the rule"
        )
    return parse_nat_target(tokens.take().text)


def _map_data(tokens: Tokens) -> Any:
    return parse_value(tokens) if tokens.peek() == "{" else tokens.take().text


def _match(tokens: Tokens) -> dict[str, Any]:
    left = _left(tokens)
    if tokens.takes("vmap"):
        return {"vmap": {"key": left, "data": _map_data(tokens)}}
    return _compared(tokens, left)


def _compared(tokens: Tokens, left: dict[str, Any]) -> dict[str, Any]:
    if left == _FLAGS and tokens.takes("&", "and"):
        mask, operator = _flags(tokens), tokens.take().text
        return {"match": {"op": operator, "left": {"&": [left, mask]}, "right": _flags(tokens)}}
    if tokens.takes("&", "|", "^", "and", "or", "xor"):
        _expression(tokens)
        if tokens.peek() in _OPERATORS:
            tokens.take()
            _expression(tokens)
        return _masked(left)
    operator = tokens.take().text if tokens.peek() in _OPERATORS else "=="
    right = parse_value(tokens)
    if tokens.takes("/"):
        # `tcp flags syn / syn,rst`: value and mask.
        mask = parse_value(tokens)
        if left == _FLAGS:
            return {"match": {"op": operator, "left": {"&": [left, mask]}, "right": right}}
        return _masked(left)
    if tokens.peek() in ("&", "^", *_OPERATORS):
        raise tokens.error("a comparison of comparisons", "write it as `nft list ruleset` does")
    return {"match": {"op": operator, "left": left, "right": right}}


def _flags(tokens: Tokens) -> Any:
    """Read `syn`, `syn,ack` or `(syn | ack)`."""
    if not tokens.takes("("):
        return parse_value(tokens)
    found = parse_value(tokens)
    tokens.expect(")")
    return found


def _masked(left: dict[str, Any]) -> dict[str, Any]:
    """Write a comparison of some bits only, known no further than the header that holds them."""
    if "payload" in left:
        return {"match": {"op": "==", "left": {"bits": left["payload"]}, "right": 0}}
    ((kind, body),) = left.items()
    name = f"{kind} {body.get('key', '')}".removeprefix("other ") if isinstance(body, dict) else str(body)
    return {"match": {"op": "==", "left": {"other": {"key": name}}, "right": 0}}


def _left(tokens: Tokens) -> dict[str, Any]:
    parts = [_selector(tokens)]
    while tokens.takes("."):
        parts.append(_selector(tokens))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def _selector(tokens: Tokens) -> dict[str, Any]:
    head = tokens.peek()
    if head in _TWO_WORDS:
        tokens.take()
        return {"payload": {"protocol": head, "field": tokens.take().text}}
    if head == "meta":
        tokens.take()
        return {"meta": {"key": tokens.take().text}}
    if head in _META:
        return {"meta": {"key": tokens.take().text}}
    if head == "ct":
        return _tracked(tokens)
    if head in ("fib", "rt", "socket", "exthdr", "osf"):
        return _looked_up(tokens)
    raise tokens.error(
        f"{head!r} starts no statement that is understood", "write it as `nft list ruleset` does"
    )


def _tracked(tokens: Tokens) -> dict[str, Any]:
    tokens.take()
    word = tokens.take().text
    if word in ("original", "reply"):
        tokens.takes("ip", "ip6")
        return {"other": {"key": f"ct {word} {tokens.take().text}"}}
    if word == "count":
        tokens.takes("over")
        return {"other": {"key": "ct count"}}
    return {"ct": {"key": word}}


def _looked_up(tokens: Tokens) -> dict[str, Any]:
    """Read fields of the route or the socket of a packet: `fib saddr . iif oif`, `rt nexthop`."""
    head = tokens.take().text
    words = [tokens.take().text]
    if head == "fib":
        while tokens.takes("."):
            words.append(tokens.take().text)
        return {"fib": {"result": tokens.take().text, "flags": words}}
    if head == "socket" and words == ["transparent"]:
        return {"socket": {"key": "transparent"}}
    if words[0] in ("ip", "ip6"):
        words.append(tokens.take().text)
    elif words[0] == "cgroupv2":
        tokens.expect("level")
        tokens.take()
    return {"other": {"key": f"{head} {' '.join(words)}"}}
