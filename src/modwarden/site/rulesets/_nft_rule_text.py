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
        _pass_over(tokens)
        return {"mangle": {"key": left}}
    return _match(tokens)


def _tail(tokens: Tokens) -> dict[str, Any]:
    word = tokens.take().text
    _pass_over(
        tokens, also=("th", "icmp", "icmpv6", "tcp", "ip", "ip6", "counter", "limit") if word != "log" else ()
    )
    return {_TAILS[word]: None}


def _pass_over(tokens: Tokens, also: tuple[str, ...] = ()) -> None:
    """Pass over words that start no statement; after `with` and `to` comes a word that might."""
    previous = ""
    while tokens.peek() not in _ENDS:
        is_head = tokens.peek() in _HEADS and not tokens.listed[tokens.at].is_string
        if is_head and not (previous in _BEFORE_WORDS and tokens.peek() in also):
            return
        if tokens.peek() == "{":
            tokens.skip_block()
            continue
        previous = tokens.take().text


_BEFORE_WORDS = ("with", "to", "icmp", "icmpv6", "icmpx", "tcp", "ip", "ip6")


def _setting(tokens: Tokens) -> dict[str, Any]:
    head = tokens.take().text
    if head in ("meta", "ct"):
        tokens.take()
    tokens.expect("set")
    _pass_over(tokens)
    return {"counter": None}


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
    operator = tokens.take().text if tokens.peek() in _OPERATORS else "=="
    if "other" in left or tokens.peek() in ("&", "|", "^", "(", "<<", ">>"):
        _pass_over(tokens)
        return _masked(left)
    right = parse_value(tokens)
    if tokens.peek() in ("/", "&", "^") or tokens.peek() in _OPERATORS:
        _pass_over(tokens)
        return _masked(left)
    return {"match": {"op": operator, "left": left, "right": right}}


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
    if head in ("fib", "rt", "socket", "exthdr", "osf", "tunnel", "numgen", "jhash", "symhash"):
        return {"other": head + " " + _words(tokens)}
    raise tokens.error(
        f"{head!r} starts no statement that is understood", "write it as `nft list ruleset` does"
    )


def _tracked(tokens: Tokens) -> dict[str, Any]:
    tokens.take()
    word = tokens.take().text
    if word in ("original", "reply", "count"):
        return {"other": f"ct {word} {_words(tokens)}"}
    return {"ct": {"key": word}}


def _words(tokens: Tokens) -> str:
    first = tokens.at
    _pass_over(tokens, also=())
    return " ".join(token.text for token in tokens.listed[first : tokens.at])
