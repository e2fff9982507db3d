"""
What a host has loaded for transparent insertion, held against what its conduits need.

Kept true here: no conduit starts without the rules that bring connections to the guard, nor without those
that refuse them while it is away; a conduit that shall fail closed never starts over a rule that fails open.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modwarden.errors import ModwardenError
from modwarden.model import CLOSED_TABLE, DIVERT_TABLE, MARK, ROUTE_TABLE, Diversion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TIMEOUT_S = 10.0
# An unprivileged user's path often lacks them.
_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_HOW = (
    "`modwarden harden SITE -o DIR` writes them; `systemctl start modwarden-rules`, "
    "or DIR's rules.nft (nft -f) and routes.sh, loads them"
)


class NotLoadedError(ModwardenError):
    """Rules or routes of a transparent conduit are missing, or not those of the site file."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is loaded, as far as a start needs to know it."""

    open_packets: Mapping[str, int]
    """Packets that ever passed a conduit that fails open, while it had no guard; by conduit."""


def check_loaded(diversions: Sequence[Diversion]) -> Loaded:
    """
    Make sure that the kernel diverts and refuses what these conduits need.

    Raises:
        NotLoadedError: something is missing; the text names all of it and says how to load it.
    """
    if not diversions:
        return Loaded({})
    divert, closed = _rules(DIVERT_TABLE), _rules(CLOSED_TABLE)
    missing = [*_missing_routes({family for one in diversions for family in one.families})]
    for diversion in diversions:
        missing += _missing_diverts(diversion, divert)
        missing += _missing_refusals(diversion, closed)
    if missing:
        raise NotLoadedError(
            "\n  ".join(["this host is not ready for transparent insertion:", *missing, _HOW])
        )
    return Loaded({one.conduit: _packets(one.open_comment, closed) for one in diversions if one.fails_open})


def _missing_diverts(diversion: Diversion, rules: Sequence[dict[str, Any]]) -> Iterator[str]:
    for family in diversion.families:
        comment = diversion.divert_comment(family)
        found = [rule for rule in rules if rule.get("comment") == comment]
        if not any(_diverts(rule, diversion, family) for rule in found):
            where = f"from {', '.join(diversion.clients_on)} to port {diversion.port}"
            what = f"no rule diverts IPv{family} {where} for conduit {diversion.conduit!r}"
            yield f"table inet {DIVERT_TABLE}: {what}"


def _diverts(rule: dict[str, Any], diversion: Diversion, family: int) -> bool:
    wanted = {"family": "ip" if family == 4 else "ip6", "port": diversion.port}
    takes = [part["tproxy"] for part in rule["expr"] if "tproxy" in part]
    marks = [part["mangle"].get("value") for part in rule["expr"] if "mangle" in part]
    interfaces = _interfaces(rule, "iifname")
    is_taken = any(wanted.items() <= take.items() for take in takes)
    return is_taken and MARK in marks and interfaces >= set(diversion.clients_on)


def _missing_refusals(diversion: Diversion, rules: Sequence[dict[str, Any]]) -> Iterator[str]:
    table, conduit = f"table inet {CLOSED_TABLE}", diversion.conduit
    refusing = {rule["chain"] for rule in rules if _refuses(rule, diversion.closed_comment)}
    led_to = {
        part["goto"]["target"]
        for rule in rules
        if rule["chain"] == "closed" and diversion.servers_on in _interfaces(rule, "oifname")
        for part in rule["expr"]
        if "goto" in part
    }
    if not refusing & led_to:
        yield f"{table}: nothing refuses TCP towards {diversion.servers_on} while {conduit!r} has no guard"
    is_open = any(rule.get("comment") == diversion.open_comment for rule in rules)
    if is_open and not diversion.fails_open:
        yield f"{table}: lets {conduit!r} pass without a guard, yet the site file says `guard: closed`"
    if diversion.fails_open and not is_open:
        yield f"{table}: closes {conduit!r} without a guard, yet the site file says `guard: open`"


def _refuses(rule: dict[str, Any], comment: str) -> bool:
    return rule.get("comment") == comment and any("reject" in part or "drop" in part for part in rule["expr"])


def _interfaces(rule: dict[str, Any], key: str) -> set[str]:
    for part in rule["expr"]:
        match = part.get("match", {})
        if match.get("left") == {"meta": {"key": key}}:
            right = match["right"]
            return set(right["set"]) if isinstance(right, dict) else {right}
    return set()


def _packets(comment: str, rules: Sequence[dict[str, Any]]) -> int:
    of_comment = (rule for rule in rules if rule.get("comment") == comment)
    counters = (part["counter"] for rule in of_comment for part in rule["expr"] if "counter" in part)
    return sum(int(counter["packets"]) for counter in counters)


def _missing_routes(families: set[int]) -> Iterator[str]:
    for family in sorted(families):
        rules = json.loads(_ask("ip", f"-{family}", "-j", "rule") or "[]")
        if not any(_leads(rule) for rule in rules):
            yield f"ip -{family} rule: nothing leads mark {MARK:#x} to table {ROUTE_TABLE}"
        routes = json.loads(
            _ask("ip", f"-{family}", "-j", "route", "show", "table", str(ROUTE_TABLE)) or "[]"
        )
        if not any(route.get("type") == "local" and route.get("dst") == "default" for route in routes):
            yield f"ip -{family} route: table {ROUTE_TABLE} does not deliver here (local default dev lo)"


def _leads(rule: dict[str, Any]) -> bool:
    is_marked = int(str(rule.get("fwmark", "0")), 16) == MARK
    return is_marked and str(rule.get("table")) == str(ROUTE_TABLE)


def _rules(table: str) -> list[dict[str, Any]]:
    """List a table's rules that a hook leads to; none, where there is no such table."""
    text = _ask("nft", "-j", "list", "table", "inet", table)
    told = json.loads(text)["nftables"] if text else []
    return [item["rule"] for item in told if "rule" in item]


def _ask(program: str, *arguments: str) -> str:
    """
    Run one of the system's tools; nothing where it says that there is no such thing.

    Raises:
        NotLoadedError: the tool is not there, may not look, or does not answer.
    """
    path = shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        package = {"ip": "iproute2", "nft": "nftables"}[program]
        raise NotLoadedError(f"transparent insertion: {program} is not there: install the package {package}")
    try:
        done = subprocess.run(  # noqa: S603  (the system's own tool, no word of a peer)
            [path, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLoadedError(f"transparent insertion: {program}: {error}") from error
    if done.returncode == 0:
        return done.stdout
    if "not permitted" in done.stderr or "must be root" in done.stderr:
        raise NotLoadedError(
            f"transparent insertion: {program} may not look at the host's rules: give the guard CAP_NET_ADMIN"
        )
    return ""
