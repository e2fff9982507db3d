"""What an asset connects: interfaces, rule sets, routes and ways in, all names resolved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modwarden.model import (
    Connections,
    Interface,
    Origin,
    Relay,
    RemoteAccess,
    Route,
    RulesetFile,
    RulesetFormat,
    ZoneName,
)
from modwarden.site._schema_assets import AssetShape
from modwarden.site._schema_connections import RulesetShape
from modwarden.site._tree import Tree
from modwarden.site._words import parse_address
from modwarden.site.problems import Mistake, Problems, did_you_mean

_SUFFIXES = {
    ".nft": RulesetFormat.NFT,
    ".json": RulesetFormat.NFT_JSON,
    ".v4": RulesetFormat.IPTABLES_SAVE,
    ".v6": RulesetFormat.IP6TABLES_SAVE,
}


@dataclass(frozen=True, slots=True)
class ConnectionReader:
    """Builds what the assets of a site connect."""

    tree: Tree
    problems: Problems
    zones: frozenset[str]
    base: Path

    def build(self, written: str, shape: AssetShape, names: list[str]) -> Connections:
        """Build the connections of one asset; what is wrong is reported and left out."""
        origin = self.tree.origin(("assets", written))
        if len(names) > 1 and (shape.interfaces or shape.forwards or shape.rulesets):
            what = f"{len(names)} assets share interfaces, rule sets or `forwards`"
            hint = "a router is one asset: give it an entry of its own"
            self.problems.add(origin, Mistake("router-range", what, hint))
            return Connections()
        interfaces = tuple(self._interfaces(shape, origin))
        access = tuple(self._access(written, shape))
        for one in access:
            self._check_interface(one, shape)
        return Connections(
            interfaces=interfaces,
            forwards=shape.forwards,
            rulesets=tuple(self._rulesets(written, shape)),
            routes=self._routes(written, shape),
            relay=None if shape.relay is None else Relay(shape.relay.kind, tuple(shape.relay.listens)),
            remote_access=access,
            moves_between=tuple(self._zones(shape.moves_between, origin.at("moves_between"))),
        )

    def _interfaces(self, shape: AssetShape, origin: Origin) -> Iterator[Interface]:
        for name, texts in shape.interfaces.items():
            addresses = []
            for text in texts:
                with self.problems.at(origin.at("interfaces")):
                    addresses.append(parse_address(text))
            yield Interface(name, tuple(addresses))

    def _rulesets(self, written: str, shape: AssetShape) -> Iterator[RulesetFile]:
        for index, ruleset in enumerate(shape.rulesets):
            origin = self.tree.origin(("assets", written, "rulesets", index))
            with self.problems.at(origin):
                yield RulesetFile(self.base / ruleset.file, _format(ruleset), origin)
        if shape.rulesets and not shape.forwards:
            hint = "add `forwards: true`, or leave the rule sets out"
            what = f"{written!r} has rule sets and forwards nothing"
            self.problems.add(
                self.tree.origin(("assets", written, "rulesets")), Mistake("no-router", what, hint)
            )

    def _routes(self, written: str, shape: AssetShape) -> tuple[Route, ...] | None:
        if shape.routes is None:
            return None
        routes = []
        for index, route in enumerate(shape.routes):
            with self.problems.at(self.tree.origin(("assets", written, "routes", index))):
                routes.append(Route(route.to, parse_address(route.via)))
        return tuple(routes)

    def _access(self, written: str, shape: AssetShape) -> Iterator[RemoteAccess]:
        for index, one in enumerate(shape.remote_access):
            origin = self.tree.origin(("assets", written, "remote_access", index))
            for zone in self._zones([one.from_zone], origin.at("from")):
                yield RemoteAccess(one.kind, zone, one.interface, tuple(one.addresses), one.who, origin)

    def _check_interface(self, access: RemoteAccess, shape: AssetShape) -> None:
        if access.interface is not None and access.interface not in shape.interfaces:
            what = f"the asset has no interface {access.interface!r}"
            hint = did_you_mean(access.interface, list(shape.interfaces), "add it under `interfaces:`")
            self.problems.add(access.origin.at("interface"), Mistake("unknown-interface", what, hint))

    def _zones(self, words: list[str], origin: Origin) -> Iterator[ZoneName]:
        for word in words:
            if word in self.zones:
                yield ZoneName(word)
                continue
            hint = did_you_mean(word, sorted(self.zones), f"known: {', '.join(sorted(self.zones))}")
            self.problems.add(origin, Mistake("unknown-zone", f"there is no zone {word!r}", hint))


def _format(ruleset: RulesetShape) -> RulesetFormat:
    if ruleset.format is not None:
        return ruleset.format
    suffix = Path(ruleset.file).suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    words = ", ".join(RulesetFormat)
    raise Mistake(
        "no-format", f"{ruleset.file!r} does not say how it is written", f"add `format:`, one of {words}"
    )
