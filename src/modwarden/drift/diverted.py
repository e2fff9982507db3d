"""The tables that bring connections to a transparent guard, and refuse them while it is away."""

from collections.abc import Iterator, Mapping
from typing import Any

from modwarden.drift.loaded import Loaded
from modwarden.model import CLOSED_TABLE, DIVERT_TABLE, Asset, Diversion, Finding, Origin, Severity, Site


def check_diverted(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Name rules of transparent conduits that are not loaded, or loaded where they must not be."""
    if loaded.rulesets is None:
        return
    for diversion in site.diversions(asset.name):
        origin = next(c.origin for name, c in site.conduits.items() if name == diversion.conduit)
        yield from _of(asset, diversion, loaded, origin)


def _of(asset: Asset, diversion: Diversion, loaded: Loaded, origin: Origin) -> Iterator[Finding]:
    conduit = diversion.conduit
    divert = {rule.get("comment"): rule for rule in loaded.raw_rules if rule.get("table") == DIVERT_TABLE}
    closed = {rule.get("comment"): rule for rule in loaded.raw_rules if rule.get("table") == CLOSED_TABLE}
    for family in diversion.families:
        if not _has(divert.get(diversion.divert_comment(family)), "tproxy"):
            message = f"{asset.name}: closes conduit {conduit!r}: nothing diverts IPv{family} to the guard"
            yield _finding(message, DIVERT_TABLE, Severity.WARNING, origin)
    if not _has(closed.get(diversion.closed_comment), "reject", "drop"):
        what = f"nothing refuses TCP towards {diversion.servers_on} while the guard is away"
        yield _finding(
            f"{asset.name}: opens conduit {conduit!r}: {what}", CLOSED_TABLE, Severity.ERROR, origin
        )
    is_open = diversion.open_comment in closed
    if is_open and not diversion.fails_open:
        what = "it passes while the guard is away, and the site file says `guard: closed`"
        yield _finding(
            f"{asset.name}: opens conduit {conduit!r}: {what}", CLOSED_TABLE, Severity.ERROR, origin
        )


def _has(rule: Mapping[str, Any] | None, *kinds: str) -> bool:
    return rule is not None and any(kind in part for part in rule.get("expr", ()) for kind in kinds)


def _finding(message: str, table: str, severity: Severity, origin: Origin) -> Finding:
    hint = f"load rules.nft of `modwarden harden` again (table inet {table})"
    return Finding("drift-diversion", severity, message, hint, origin)
