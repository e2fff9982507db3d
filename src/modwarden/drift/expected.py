"""What rules a host should run: those of its `rulesets:`, or those that `modwarden harden` writes for it."""

import re

from modwarden.drift.rules import Expected
from modwarden.hardening import render_host
from modwarden.model import Asset, Origin, Site
from modwarden.site.proof.prove import load_rulesets
from modwarden.site.rulesets import Ruleset, parse_nft_text

_GENERATED = "rules.nft"
# How a file replaces its own tables in one transaction: nothing is in them before.
_REPLACED = re.compile(r"^(?:delete )?table \w+ \w+$", re.MULTILINE)


def expected_rules(site: Site, asset: Asset) -> Expected | None:
    """
    Read the rules that a host should run; None where the site file says nothing of them.

    Raises:
        SiteError: a rule set of the site file is refused.
        RulesetError: a generated one is.
    """
    files = asset.connections.rulesets
    if files:
        names = ", ".join(file.path.name for file in files)
        return Expected(load_rulesets(site)[asset.name], names, files[0].origin)
    held = tuple(_generated(site, asset))
    return Expected(held, _GENERATED, asset.origin) if held else None


def _generated(site: Site, asset: Asset) -> list[Ruleset]:
    written = [file for file in render_host(site, asset.name) if file.name.endswith(".nft")]
    return [parse_nft_text(_REPLACED.sub("", file.text), file.name) for file in written]


def origin_of(asset: Asset) -> Origin:
    """Say where the site file names a host's rules."""
    files = asset.connections.rulesets
    return files[0].origin if files else asset.origin
