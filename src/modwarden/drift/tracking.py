"""
What changes how other rules read: packets that are not tracked, helpers, and tables of other families.

Kept true here: rules that ask for a connection's state mean something else where packets are not tracked or
where a helper makes connections `related`, so that one more of them is told, whichever table it stands in.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modwarden.drift.expected import origin_of
from modwarden.drift.loaded import Loaded
from modwarden.model import Asset, Confidence, Finding, Severity

_OF_IPTABLES = {
    "notrack": re.compile(r"^(?:\[\d+:\d+\] )?-A .*-j (?:NOTRACK|CT .*--notrack).*$", re.MULTILINE),
    "helper": re.compile(r"^(?:\[\d+:\d+\] )?-A .*-j CT .*--helper.*$", re.MULTILINE),
}
_OF_NFT = {
    "notrack": re.compile(r"\bnotrack\b"),
    "helper": re.compile(r"\bct helper set\b"),
}
_WORDS = {
    "notrack": "takes packets out of connection tracking",
    "helper": "has a helper open connections that the state `related` lets pass",
}
_COMPARED = frozenset({"ip", "ip6", "inet"})
_TABLE = re.compile(r"^\s*table\s+(netdev|bridge|arp)\s+(\S+)", re.MULTILINE)
_REMARK = re.compile(r'"[^"\n]*"|#[^\n]*')


def check_tracking(asset: Asset, loaded: Loaded, name: str) -> Iterator[Finding]:
    """Name what changes the meaning of rules, or stands in tables that no comparison reads, and is new."""
    model = [file.path.read_text(encoding="utf-8", errors="replace") for file in asset.connections.rulesets]
    known = Counter(kind for text in model for kind in _kinds_in(text))
    for kind, places in _loaded(loaded).items():
        if len(places) > known[kind]:
            listed = ", ".join(dict.fromkeys(places))
            yield _finding(asset, f"{_WORDS[kind]}: {listed}, more often than in {name}")
    tables = {table for text in model for table in _tables_in(text)}
    for family, table in sorted({(str(one["family"]), str(one["table"])) for one in loaded.raw_rules}):
        if family not in _COMPARED and (family, table) not in tables:
            yield _finding(asset, f"runs table {family} {table}, which sees packets too, not in {name}")


def _loaded(loaded: Loaded) -> dict[str, list[str]]:
    """Give the places of each kind."""
    found: dict[str, list[str]] = {kind: [] for kind in _WORDS}
    for rule in loaded.raw_rules:
        for kind in _kinds_of(rule):
            found[kind].append(f"chain {rule['chain']} of table {rule['family']} {rule['table']}")
    for name, text in loaded.inputs.items():
        if "tables" in name:
            for kind, pattern in _OF_IPTABLES.items():
                found[kind] += [f"`{one}` ({name})" for one in pattern.findall(text)]
    return found


def _kinds_in(text: str) -> Iterator[str]:
    rules = _rules_in(text)
    if rules is not None:
        yield from (kind for rule in rules for kind in _kinds_of(rule))
        return
    for kind, pattern in _OF_IPTABLES.items():
        yield from (kind for _ in pattern.findall(text))
    for kind, pattern in _OF_NFT.items():
        yield from (kind for _ in pattern.findall(_REMARK.sub('""', text)))


def _tables_in(text: str) -> Iterable[tuple[str, str]]:
    rules = _rules_in(text)
    if rules is not None:
        return [(str(one["family"]), str(one["table"])) for one in rules]
    return [(found[1], found[2]) for found in _TABLE.finditer(text)]


def _rules_in(text: str) -> list[Mapping[str, Any]] | None:
    try:
        return [item["rule"] for item in json.loads(text)["nftables"] if "rule" in item]
    except (ValueError, KeyError, TypeError):
        return None


def _kinds_of(rule: Mapping[str, Any]) -> Iterator[str]:
    for statement in rule.get("expr", ()):
        kinds = statement if isinstance(statement, Mapping) else (str(statement),)
        if "notrack" in kinds:
            yield "notrack"
        if "ct helper" in kinds or _sets_helper(statement):
            yield "helper"


def _sets_helper(statement: Any) -> bool:
    key = statement.get("mangle", {}).get("key", {}) if isinstance(statement, Mapping) else {}
    return isinstance(key, Mapping) and "helper" in str(key.get("ct"))


def _finding(asset: Asset, what: str) -> Finding:
    hint = "take it out, or put it into the model and look yourself what it does to other rules"
    message = f"{asset.name}: {what}"
    return Finding("drift-uncertain", Severity.WARNING, message, hint, origin_of(asset), Confidence.POSSIBLE)
