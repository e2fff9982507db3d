"""Rules: names of clients, servers and points resolved within their conduit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modwarden.model import (
    Asset,
    AssetName,
    Network,
    Origin,
    PointMap,
    PointMapName,
    PointName,
    RoleName,
    Rule,
    RuleKind,
    RuleName,
    UnitId,
)
from modwarden.site._clients import ClientNames
from modwarden.site._points import build_limits
from modwarden.site._schema_conduits import RuleShape
from modwarden.site._tree import Tree
from modwarden.site._words import matching
from modwarden.site.problems import Mistake, Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Builds the rules of one conduit; `targets` are its servers and the assets behind its gateways."""

    tree: Tree
    problems: Problems
    conduit: str
    clients: ClientNames
    default_clients: tuple[Network, ...]
    targets: Mapping[AssetName, Asset]
    maps: Mapping[PointMapName, PointMap]

    def build_rules(self, shapes: Sequence[RuleShape]) -> tuple[Rule, ...]:
        """Build each rule; one with a mistake is reported, and left out or kept as far as it goes."""
        rules: dict[str, Rule] = {}
        for index, shape in enumerate(shapes):
            origin = self.tree.origin(("conduits", self.conduit, "rules", index))
            if shape.name in rules:
                what = f"the rule {shape.name!r} is here twice; the first is at {rules[shape.name].origin}"
                self.problems.add(
                    origin.at("name"), Mistake("duplicate-rule", what, "records name the rule: rename one")
                )
                continue
            with self.problems.at(origin):
                rules[shape.name] = self._rule(shape, origin)
        return tuple(rules.values())

    def _rule(self, shape: RuleShape, origin: Origin) -> Rule:
        if (shape.permit is None) == (shape.never is None):
            raise Mistake(
                "permit-or-never",
                f"the rule {shape.name!r} needs permit or never",
                "write exactly one of them",
            )
        kind = RuleKind.PERMIT if shape.permit is not None else RuleKind.NEVER
        servers = self._servers(shape.servers, origin.at("servers"))
        self._check_points(shape, servers, origin)
        return Rule(
            name=RuleName(shape.name),
            kind=kind,
            functions=tuple(dict.fromkeys(shape.permit or shape.never or ())),
            clients=self._clients(shape.clients, kind, origin.at("clients")),
            written_clients=_tuple(shape.clients),
            roles=None if shape.roles is None else tuple(RoleName(role) for role in shape.roles),
            servers=servers,
            unit_ids=None if shape.unit_ids is None else tuple(UnitId(unit) for unit in shape.unit_ids),
            ranges=None if shape.ranges is None else tuple(shape.ranges),
            points=None if shape.points is None else tuple(PointName(point) for point in shape.points),
            limits={PointName(point): build_limits(limits) for point, limits in shape.limits.items()},
            when=shape.when,
            essential=shape.essential,
            denial=shape.denial,
            polling_period_ms=shape.polling_period,
            origin=origin,
        )

    def _clients(self, words: list[str] | None, kind: RuleKind, origin: Origin) -> tuple[Network, ...] | None:
        if words is None:
            # A never without clients forbids everyone, also those outside the conduit's zones.
            return self.default_clients if kind == RuleKind.PERMIT else None
        networks: dict[Network, None] = {}
        for word in words:
            with self.problems.at(origin):
                networks |= dict.fromkeys(self.clients.networks(word))
        return tuple(networks)

    def _servers(self, words: list[str] | None, origin: Origin) -> tuple[AssetName, ...] | None:
        if words is None:
            return None
        names: dict[AssetName, None] = {}
        for word in words:
            found = matching(word, list(self.targets))
            if not found:
                what = f"{word!r} is no server of the conduit {self.conduit!r}"
                hint = did_you_mean(
                    word, list(self.targets), "add it under `servers:`, with where the guard listens"
                )
                self.problems.add(origin, Mistake("unknown-server", what, hint))
            names |= dict.fromkeys(AssetName(name) for name in found)
        return tuple(names)

    def _check_points(self, shape: RuleShape, servers: tuple[AssetName, ...] | None, origin: Origin) -> None:
        reach = [self.targets[name] for name in (self.targets if servers is None else servers)]
        maps = {asset.points for asset in [*reach, *self._behind(reach)] if asset.points is not None}
        known = sorted({str(point) for name in maps for point in self.maps[name].points})
        for key, words in (("points", shape.points or []), ("limits", list(shape.limits))):
            for word in words:
                if word not in known:
                    what = f"no server of the rule {shape.name!r} has a point {word!r}"
                    hint = did_you_mean(word, known, "name a point of their `points:`")
                    self.problems.add(origin.at(key), Mistake("unknown-point", what, hint))

    def _behind(self, gateways: list[Asset]) -> list[Asset]:
        names = {asset.name for asset in gateways}
        return [asset for asset in self.targets.values() if asset.via in names]


def _tuple(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)
