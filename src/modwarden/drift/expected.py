"""What rules a host should run: those of its `rulesets:`, or those that `modwarden harden` writes for it."""

from collections.abc import Iterable

from modwarden.drift.expectation import Expected
from modwarden.hardening import render_host
from modwarden.model import ISLAND_TABLE, Asset, Origin, Site
from modwarden.site.proof.prove import load_rulesets
from modwarden.site.rulesets import Ruleset, parse_nft_text

_GENERATED = "rules.nft"
_ISLAND, _ISLAND_ESSENTIAL = "island.nft", "island-essential.nft"
# The chain that only the second one has.
_ESSENTIAL = "essential"


def expected_rules(site: Site, asset: Asset, loaded: Iterable[Ruleset]) -> Expected | None:
    """
    Read the rules that a host should run; None where the site file says nothing of them.

    In island mode those of the island belong to them.

    Raises:
        SiteError: a rule set of the site file is refused.
        RulesetError: a generated one is.
    """
    names = [name for name in (_island_of(loaded),) if name is not None]
    files = asset.connections.rulesets
    if files:
        own = load_rulesets(site)[asset.name]
        called = ", ".join(file.path.name for file in files)
        return Expected((*own, *_generated(site, asset, names)), called, files[0].origin)
    held = _generated(site, asset, [_GENERATED, *names])
    return Expected(held, _GENERATED, asset.origin) if held else None


def is_island(loaded: Iterable[Ruleset]) -> bool:
    """Say whether island mode is on."""
    return _island_of(loaded) is not None


def _island_of(loaded: Iterable[Ruleset]) -> str | None:
    """Name the file of the island that is on."""
    for ruleset in loaded:
        for table in ruleset.tables:
            if table.name == ISLAND_TABLE:
                return _ISLAND_ESSENTIAL if _ESSENTIAL in table.chains else _ISLAND
    return None


def origin_of(asset: Asset) -> Origin:
    """Say where the site file names a host's rules."""
    files = asset.connections.rulesets
    return files[0].origin if files else asset.origin


def _generated(site: Site, asset: Asset, names: Iterable[str]) -> tuple[Ruleset, ...]:
    wanted = tuple(names)
    if not wanted or asset.name not in site.enforcement_points():
        return ()
    written = [file for file in render_host(site, asset.name) if file.name in wanted]
    return tuple(parse_nft_text(file.text, file.name) for file in written)
