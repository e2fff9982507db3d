"""
One look at a host: everything that differs from the model, what could not be compared, and the evidence.

Kept true here: what was not seen bears out nothing; a look that found something bears out nothing.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modwarden.drift.diverted import check_diverted
from modwarden.drift.expectation import Expected
from modwarden.drift.expected import expected_rules, is_island, origin_of
from modwarden.drift.forwarding import check_forwarding
from modwarden.drift.layer2 import check_interfaces, check_ipsec
from modwarden.drift.listeners import check_listeners
from modwarden.drift.loaded import Loaded
from modwarden.drift.routes import check_addresses, check_policies, check_routes
from modwarden.drift.rules import compare_rules
from modwarden.drift.statements import Raw, raw_by_key
from modwarden.drift.tracking import check_tracking
from modwarden.drift.tunnels import check_tunnels, wireguard_ends
from modwarden.model import (
    Asset,
    Claim,
    Confidence,
    EvidenceFile,
    Finding,
    Severity,
    Site,
    Strength,
    digest_of,
)
from modwarden.site.proof import bases_of
from modwarden.site.rulesets import RulesetError


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, and what it rests on."""

    asset: Asset
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    """What was compared in part only, and what not at all."""
    evidence: EvidenceFile
    not_compared: tuple[str, ...] = ()
    """What the site file has of this host and nobody could look at; without it there is no telling."""

    @property
    def differs(self) -> bool:
        """Say whether anything is otherwise than the model; a note is not."""
        return any(finding.severity is not Severity.NOTE for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look had before it."""

    site: Site
    asset: Asset
    loaded: Loaded
    expected: Expected | None
    is_whole: bool
    """All of the rules could be compared."""


def look_at(site: Site, asset: Asset, loaded: Loaded) -> Look:
    """
    Hold a host against the model.

    Raises:
        SiteError: a rule set of the site file is refused.
        RulesetError: a rule set of the model cannot be read.
    """
    expected = expected_rules(site, asset, loaded.rulesets or ())
    findings, remarks = _rules(site, asset, expected, loaded)
    is_whole = not remarks
    if expected is not None:
        findings += check_tracking(asset, loaded, expected.name)
    findings += [
        *check_diverted(site, asset, loaded),
        *check_addresses(site, asset, loaded),
        *check_interfaces(site, asset, loaded),
        *check_routes(site, asset, loaded),
        *check_policies(site, asset, loaded),
        *check_forwarding(site, asset, loaded),
        *check_listeners(site, asset, loaded),
        *check_tunnels(site, asset, loaded),
        *check_ipsec(site, asset, loaded),
    ]
    if is_island(loaded.rulesets or ()):
        remarks.append("island mode is on: what it cuts off belongs to what should be loaded")
    remarks += [f"not seen: {one}" for one in loaded.unseen]
    found = tuple(dict.fromkeys(findings))
    seen = _Seen(site, asset, loaded, expected, is_whole=is_whole)
    missed = tuple(_not_compared(seen))
    return Look(asset, found, tuple(dict.fromkeys(remarks)), _evidence(seen, found), missed)


def _not_compared(seen: _Seen) -> Iterator[str]:
    """Name what a host of its kind must let itself be looked at for."""
    asset, loaded = seen.asset, seen.loaded
    is_router = asset.connections.forwards
    if seen.expected is not None or is_router or seen.site.diversions(asset.name):
        # A rule that cannot be followed is a finding, and was looked at.
        yield from ["rules"] if loaded.rulesets is None and not loaded.refused else []
        yield from ["rules of iptables-legacy"] if loaded.has_hidden_rules else []
    if is_router:
        looked_at = {
            "addresses": loaded.links,
            "routes": loaded.routes,
            "policy routing": loaded.policies,
            "settings": loaded.settings,
        }
        yield from (words for words, held in looked_at.items() if held is None)


def _rules(
    site: Site, asset: Asset, expected: Expected | None, loaded: Loaded
) -> tuple[list[Finding], list[str]]:
    if expected is None:
        return [], [f"the site file has no rules for {asset.name}: what is loaded is held against none"]
    if loaded.rulesets is None:
        return [_unreadable(asset, error) for error in loaded.refused], []
    try:
        sides = expected, loaded.rulesets
        return compare_rules(site, asset, loaded.links or {}, sides, _raw(asset, loaded))
    except RulesetError as error:
        return [_unreadable(asset, error)], []


def _raw(asset: Asset, loaded: Loaded) -> Raw:
    """Give the JSON of both sides' rules, where it is JSON."""
    found = raw_by_key(loaded.raw_rules, "nft.json")
    for file in asset.connections.rulesets:
        try:
            listed = json.loads(file.path.read_text(encoding="utf-8"))["nftables"]
        except (ValueError, KeyError, TypeError):
            continue
        own = [item["rule"] for item in listed if "rule" in item]
        for name in (str(file.path), file.path.name):
            found |= raw_by_key(own, name)
    return found


def _unreadable(asset: Asset, error: RulesetError) -> Finding:
    message = f"{asset.name}: what is loaded cannot be compared: {error.origin}: {error.what}"
    return Finding(
        "drift-uncertain", Severity.WARNING, message, error.hint, origin_of(asset), Confidence.POSSIBLE
    )


def _evidence(seen: _Seen, found: Iterable[Finding]) -> EvidenceFile:
    bases = bases_of(seen.site)
    loaded = seen.loaded
    borne_out = ((key, how, words) for key, how, words in _borne_out(seen) if key in bases)
    claims = (Claim(key, bases[key], how, words) for key, how, words in borne_out)
    return EvidenceFile(
        kind="drift",
        site=seen.site.name,
        place=seen.asset.name,
        made_at=loaded.at,
        claims=tuple(claims),
        findings=tuple(one.message for one in found if one.severity is not Severity.NOTE),
        unseen=loaded.unseen,
        inputs={name: digest_of(text.encode()) for name, text in loaded.inputs.items()},
    )


def _borne_out(seen: _Seen) -> Iterator[tuple[str, Strength, str]]:
    """Say which assumptions a look without findings bears out, by what it has seen."""
    asset, loaded = seen.asset, seen.loaded
    in_part = (Strength.SUPPORTED, "but for what packets do not show")
    rules = (Strength.VERIFIED, "") if seen.is_whole else in_part
    has_rules = seen.expected is not None and loaded.rulesets is not None and not loaded.has_hidden_rules
    if has_rules:
        for file in asset.connections.rulesets:
            yield f"ruleset:{asset.name}:{file.path.name}", *rules
    if None not in (loaded.routes, loaded.links, loaded.policies, loaded.ipsec):
        yield f"routes:{asset.name}", Strength.VERIFIED, ""
    # A bridge forwards as well, and only the interfaces show it.
    if loaded.settings is not None and loaded.links is not None:
        forwards = asset.connections.forwards or bool(seen.site.diversions(asset.name))
        if has_rules or not forwards:
            yield f"guard:{asset.name}", *(rules if forwards else (Strength.VERIFIED, ""))
        yield f"relay:{asset.name}", Strength.SUPPORTED, "it forwards no packets"
    for tunnel, _ in wireguard_ends(seen.site, asset) if loaded.wireguard is not None else ():
        yield f"tunnel:{tunnel.name}", Strength.SUPPORTED, "one end has its peer and networks, and no others"
