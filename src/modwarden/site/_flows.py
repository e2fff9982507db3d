"""Flows and management: every word of `from` and `to` resolved to zones, assets and networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from modwarden.model import (
    Asset,
    AssetName,
    Flow,
    FlowName,
    Management,
    Network,
    Origin,
    Party,
    Zone,
    ZoneName,
)
from modwarden.site._clients import is_address
from modwarden.site._schema_assets import AssetShape
from modwarden.site._schema_flows import FlowShape
from modwarden.site._tree import Tree
from modwarden.site._words import expand, matching, parse_network
from modwarden.site.problems import Mistake, Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class FlowReader:
    """Builds the flows of a site, and who manages its assets."""

    tree: Tree
    problems: Problems
    zones: Mapping[ZoneName, Zone]
    assets: Mapping[AssetName, Asset]

    def flows(self, shapes: Mapping[str, FlowShape]) -> dict[FlowName, Flow]:
        """Build each flow."""
        built = {}
        for name, shape in shapes.items():
            origin = self.tree.origin(("flows", name))
            source = self._party(shape.from_, origin.at("from"))
            destination = self._party(shape.to, origin.at("to"))
            ports = tuple(dict.fromkeys(shape.ports))
            built[FlowName(name)] = Flow(FlowName(name), source, destination, ports, shape.why, origin)
        return built

    def managed(self, shapes: Mapping[str, AssetShape]) -> dict[AssetName, Asset]:
        """Give the assets again, each with who manages it."""
        managed = dict(self.assets)
        for written, shape in shapes.items():
            if shape.management is None:
                continue
            origin = self.tree.origin(("assets", written, "management"))
            source = self._party(shape.management.from_, origin.at("from"))
            management = Management(source, tuple(dict.fromkeys(shape.management.ports)), origin)
            for name in self._named(written):
                managed[name] = replace(managed[name], management=management)
        return managed

    def _named(self, written: str) -> Iterator[AssetName]:
        """What is no name, or no asset, is told where assets are built."""
        try:
            names = expand(written)
        except Mistake:
            return
        yield from (AssetName(name) for name in names if name in self.assets)

    def _party(self, words: list[str], origin: Origin) -> Party:
        zones: dict[ZoneName, None] = {}
        assets: dict[AssetName, None] = {}
        networks: dict[Network, None] = {}
        for word in words:
            with self.problems.at(origin):
                if is_address(word) and word not in self.assets and word not in self.zones:
                    networks[parse_network(word)] = None
                elif word in self.zones:
                    zones[self._zone(word)] = None
                else:
                    assets |= dict.fromkeys(self._assets(word))
        return Party(tuple(zones), tuple(assets), tuple(networks))

    def _zone(self, word: str) -> ZoneName:
        zone = self.zones[ZoneName(word)]
        has_assets = any(asset.zone == zone.name and asset.addresses for asset in self.assets.values())
        if not zone.networks and not has_assets:
            what = f"the zone {word!r} has no networks"
            raise Mistake("no-address", what, "give the zone `networks:`, or name assets")
        return zone.name

    def _assets(self, word: str) -> list[AssetName]:
        names = [AssetName(name) for name in matching(word, [str(name) for name in self.assets])]
        if not names:
            known = [*self.assets, *self.zones]
            hint = did_you_mean(word, known, "name a zone, an asset, an address or a network")
            raise Mistake("unknown-party", f"there is no zone or asset {word!r}", hint)
        for name in names:
            if not self.assets[name].addresses:
                what = f"{name!r} has no address"
                raise Mistake("no-address", what, "give the asset `addresses:`, or name its gateway")
        return names
