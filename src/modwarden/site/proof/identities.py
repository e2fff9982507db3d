"""Accounts and identity sources that both sides of the DMZ believe."""

from collections.abc import Iterator

from modwarden.model import AssetName, Evidence, Finding, Origin, Severity, Site
from modwarden.site.proof.words import listed, names_in_ranges


def shared_identities(site: Site) -> Iterator[Finding]:
    """Find what authenticates in IT and in OT: whoever holds it on one side is somebody on the other."""
    for source in site.identity_sources:
        used = (*source.hosts, *source.used_by)
        what = f"the identity source {source.name!r}"
        hint = "give the plant a source of its own, without trust in the other (SR 1.1, SR 5.1)"
        yield from _shared(site, "shared-identity-source", source.origin, used, (what, hint))
    for account in site.accounts:
        what = f"the account {account.name!r}"
        hint = "give each side its own account, with a secret of its own (SR 1.3, SR 1.5)"
        yield from _shared(site, "shared-account", account.origin, account.assets, (what, hint))


def _shared(
    site: Site, name: str, origin: Origin, used: tuple[AssetName, ...], words: tuple[str, str]
) -> Iterator[Finding]:
    outside = [asset for asset in dict.fromkeys(used) if site.zones[site.assets[asset].zone].is_it]
    inside = [asset for asset in dict.fromkeys(used) if site.zones[site.assets[asset].zone].is_ot]
    if not outside or not inside:
        return
    what = f"{words[0]} serves IT ({_names(outside)}) and OT ({_names(inside)})"
    path = (
        Evidence(site.assets[outside[0]].origin, f"{outside[0]} in {site.assets[outside[0]].zone}"),
        Evidence(origin, f"{words[0]} opens both"),
        Evidence(site.assets[inside[0]].origin, f"{inside[0]} in {site.assets[inside[0]].zone}"),
    )
    yield Finding(name, Severity.ERROR, what, words[1], origin, evidence=path)


def _names(assets: list[AssetName]) -> str:
    return listed(names_in_ranges(assets))
