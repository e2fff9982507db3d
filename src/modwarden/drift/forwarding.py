"""Forwarding between interfaces: on where the site file has no router, or off where it has one."""

from collections.abc import Iterator

from modwarden.drift.loaded import Loaded
from modwarden.model import Asset, Finding, Severity, Site

_VERSIONS = {"ipv4": "IPv4", "ipv6": "IPv6"}


def check_forwarding(site: Site, asset: Asset, loaded: Loaded) -> Iterator[Finding]:
    """Hold a host's forwarding against what it is declared to do."""
    if loaded.settings is None:
        return
    where = asset.origin.at("forwards")
    if asset.connections.forwards:
        if loaded.settings.get("ipv4/ip_forward") == "0" and not any(_forwarding(loaded, "ipv4")):
            message = f"{asset.name}: closes every way through it: it does not forward IPv4"
            hint = "set net.ipv4.ip_forward = 1, or take `forwards: true` out"
            yield Finding("drift-forwarding", Severity.WARNING, message, hint, where)
        return
    wanted = set(_diverting(site, asset))
    for version, words in _VERSIONS.items():
        # IPv6 forwards between all interfaces or none.
        if version == "ipv6" and wanted:
            continue
        links = [name for name in _forwarding(loaded, version) if name not in wanted]
        if links:
            message = f"{asset.name}: opens ways through it: it forwards {words} on {', '.join(links)}"
            hint = (
                f"set net.{version}.conf.all.forwarding = 0, or declare `forwards: true` and prove the site"
            )
            yield Finding("drift-forwarding", Severity.ERROR, message, hint, where)


def _forwarding(loaded: Loaded, version: str) -> list[str]:
    """List the interfaces that take packets for others, as far as they are known to be there."""
    found = []
    for key, value in sorted((loaded.settings or {}).items()):
        words = key.split("/")
        if words[:2] == [version, "conf"] and words[-1] == "forwarding" and value == "1":
            found.append("/".join(words[2:-1]))
    # `all` and `default` are no interfaces, and `lo` leads nowhere.
    return [name for name in found if name not in ("all", "default", "lo")]


def _diverting(site: Site, asset: Asset) -> Iterator[str]:
    for diversion in site.diversions(asset.name):
        yield from (*diversion.clients_on, diversion.servers_on)
