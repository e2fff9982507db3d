"""
What rules say beyond what packets show, in one form whatever wrote them: a rate, a mark, an Ethernet address.

Kept true here: what the comparison of packets leaves out of account is held against the other side by its own
words, so that `!=` for `==`, or once a week for a hundred a second, is never taken for equal.
"""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from modwarden.site.rulesets import Chain, Rule, RulesetError, Table
from modwarden.site.rulesets._nft_rule_text import parse_rule
from modwarden.site.rulesets._nft_tokens import Tokens
from modwarden.site.rulesets._nft_values import NamedSets, match_of
from modwarden.site.rulesets.sets import ALL, V4, V6_SET

# A file, and in it a family, a table, a chain and a handle.
Key: TypeAlias = tuple[str, str, str, str, int]
Raw: TypeAlias = Mapping[Key, Mapping[str, Any]]
_FAMILIES = ((V4, "ip"), (V6_SET, "ip6"), (ALL, "inet"))
_HANDLE = re.compile(r" # handle (\d+)$")
_LIMIT = re.compile(
    r"limit rate (?P<over>over )?(?P<rate>\d+) ?(?P<unit>[kmg]?bytes)?/(?P<per>\w+)"
    r"(?: burst (?P<burst>\d+) ?(?P<burst_unit>\w+))?"
)
_NAMED_LIMIT = re.compile(r'limit name "?([\w.-]+)"?')
_STRING = re.compile(r'"[^"]*"')
# What nft takes where a rule names none.
_BURST = 5


def raw_by_key(rules: Iterable[Mapping[str, Any]], file: str) -> dict[Key, Mapping[str, Any]]:
    """Give the rules of nftables' JSON by what their words say of them."""
    return {
        (file, str(one["family"]), str(one["table"]), str(one["chain"]), int(one["handle"])): one
        for one in rules
        if "handle" in one
    }


def statements_of(table: Table, chain: Chain, rule: Rule, raw: Raw) -> tuple[str, ...]:
    """Give what a rule says that packets do not show."""
    if rule.text.startswith("-A "):
        return tuple(_of_iptables(rule.text))
    found = _HANDLE.search(rule.text)
    if found is not None:
        family = next((name for packets, name in _FAMILIES if packets == table.packets), "")
        body = raw.get((rule.origin.file, family, table.name, chain.name, int(found[1])))
        if body is not None:
            return tuple(sorted([*_doubtful(body.get("expr", ())), *_limits(body.get("expr", ()))]))
    return tuple(sorted([*_of_text(rule.text), *_limits_of_text(rule.text)]))


def _of_iptables(text: str) -> Iterator[str]:
    """Give the words of a rule of iptables, but for what people write for each other."""
    words = iter(shlex.split(text))
    for word in words:
        if word == "--comment":
            next(words, None)
        else:
            yield word


def _of_text(text: str) -> Iterator[str]:
    try:
        statements = parse_rule(Tokens(text, ""))
    except RulesetError:
        # Words that nobody understands are compared as they are.
        yield text
        return
    yield from _doubtful(statements)


def _doubtful(statements: Iterable[Any]) -> Iterator[str]:
    for one in statements:
        match = one.get("match") if isinstance(one, Mapping) else None
        if match is not None and _is_doubtful(match):
            sign = "==" if match.get("op", "==") == "in" else match.get("op", "==")
            yield f"{_plain(match['left'])} {sign} {_plain(match['right'])}"


def _is_doubtful(match: Mapping[str, Any]) -> bool:
    try:
        match_of(match["left"], NamedSets().atoms(match["right"]), str(match.get("op", "==")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return True
    return False


def _plain(value: Any) -> str:
    """Write a value in one form: numbers in decimal, the members of a set in order."""
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, list):
        return ",".join(sorted(map(_plain, value)))
    try:
        return str(int(str(value), 0))
    except ValueError:
        return str(value).lower()


def _plain_mapping(value: Mapping[str, Any]) -> str:
    ((kind, body), *_) = value.items()
    if kind in ("set", "elem"):
        return _plain(body.get("val") if isinstance(body, Mapping) else body)
    if kind == "payload" and "protocol" in body:
        return f"{body['protocol']} {body['field']}"
    if kind in ("meta", "ct"):
        return f"{kind} {body['key']} {body.get('dir', '')}".rstrip()
    return json.dumps({str(key): _plain(one) for key, one in value.items()}, sort_keys=True)


def _limits(value: Any) -> Iterator[str]:
    """Find every rate in a rule's JSON, also those that a set keeps for each element."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _limits(one)
    elif isinstance(value, Mapping):
        for key, body in value.items():
            if key == "limit":
                yield _limit_of_json(body)
            else:
                yield from _limits(body)


def _limit_of_json(body: Any) -> str:
    if not isinstance(body, Mapping):
        return f"limit name {body}"
    unit = str(body.get("rate_unit", "packets"))
    burst = int(body.get("burst", _BURST)), str(body.get("burst_unit", "packets"))
    return _limit(inverted=bool(body.get("inv")), rate=f"{body['rate']} {unit}/{body['per']}", burst=burst)


def _limits_of_text(text: str) -> Iterator[str]:
    yield from (f"limit name {found[1]}" for found in _NAMED_LIMIT.finditer(text))
    for found in _LIMIT.finditer(" ".join(_STRING.sub('""', text).split())):
        rate = f"{found['rate']} {found['unit'] or 'packets'}/{found['per']}"
        burst = int(found["burst"] or _BURST), found["burst_unit"] or "packets"
        yield _limit(inverted=found["over"] is not None, rate=rate, burst=burst)


def _limit(*, inverted: bool, rate: str, burst: tuple[int, str]) -> str:
    over = "over " if inverted else ""
    # What of bytes may come at once, versions of nft write each in its own way.
    at_once = f" burst {burst[0]}" if "bytes" not in rate else ""
    return f"limit rate {over}{rate}{at_once}"
