"""What a proof rests on and cannot see: each assumption numbered, verified by something or only declared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modwarden.model import Origin, Site, Strength


@dataclass(frozen=True, slots=True)
class Support:
    """What evidence says of an assumption; without a strength, why it counts for nothing."""

    words: str
    strength: Strength | None = Strength.VERIFIED


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing taken for true; `key` is what a drift check or a probe calls it."""

    number: int
    key: str
    text: str
    origin: Origin
    support: Support | None = None

    @property
    def verified_by(self) -> str | None:
        """Say what verified all of it, if anything did."""
        held = self.support
        return held.words if held is not None and held.strength is Strength.VERIFIED else None

    @property
    def is_only_declared(self) -> bool:
        """Say whether nothing but the site file speaks for it."""
        return self.support is None or self.support.strength is None

    @property
    def status(self) -> str:
        """Say whether anything bears it out."""
        if self.support is None:
            return "declared"
        if self.support.strength is None:
            return f"declared ({self.support.words})"
        return f"{self.support.strength} by {self.support.words}"


def assumptions_of(site: Site, supported: Mapping[str, Support]) -> Iterator[Assumption]:
    """List the assumptions of a site's proof."""
    for number, (key, origin, text) in enumerate(_assumed(site), start=1):
        yield Assumption(number, key, text, origin, supported.get(key))


def keys_of(site: Site) -> tuple[str, ...]:
    """List what the assumptions of a site are called."""
    return tuple(key for key, _, _ in _assumed(site))


def _assumed(site: Site) -> Iterator[tuple[str, Origin, str]]:
    yield "connections", site.origin, "zones are connected by what this file declares, and by nothing else"
    routers = [asset for asset in site.assets.values() if asset.connections.forwards]
    for router in routers:
        for file in router.connections.rulesets:
            text = f"{router.name} runs the rule set of {file.path.name}, and nothing changes it"
            yield f"ruleset:{router.name}:{file.path.name}", file.origin, text
        if router.connections.routes is not None:
            yield f"routes:{router.name}", router.origin.at("routes"), f"{router.name} has these routes only"
    if routers:
        yield "enforcement", site.origin, "nobody who is not meant to holds a router or a guard"
        # Loading rules ends no connection that the kernel knows.
        text = (
            "rule sets let replies pass, helpers open no more connections, and none is older than the rules"
        )
        yield "tracking", site.origin, text
        yield "spoofing", site.origin, "who sends from an address that is not its own gets no reply"
    for tunnel in site.tunnels.values():
        text = (
            f"the tunnel {tunnel.name} is up, its ends alone hold its keys, and what they name passes alone"
        )
        yield f"tunnel:{tunnel.name}", tunnel.origin, text
    yield from _of_guards(site)
    for asset in site.assets.values():
        relay = asset.connections.relay
        if relay is not None and site.zones[asset.zone].is_dmz:
            text = f"{asset.name} ends the connections it takes and forwards no packets"
            yield f"relay:{asset.name}", asset.origin.at("relay"), text
    if site.identity_sources or site.accounts:
        yield (
            "identities",
            site.origin,
            "accounts and identity sources serve the assets listed, and no others",
        )


def _of_guards(site: Site) -> Iterator[tuple[str, Origin, str]]:
    for name in site.guards():
        guard = site.assets[name]
        text = f"{name} forwards nothing but what its rules permit; IP forwarding is off there"
        if guard.connections.forwards:
            text = f"the guard on {name} passes on what it permits, and no other program takes it"
        yield f"guard:{name}", guard.origin, text
