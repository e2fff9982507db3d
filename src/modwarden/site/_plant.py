"""Identities and buses: what stands beside the assets and names them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from modwarden.model import (
    Account,
    Asset,
    AssetName,
    Bus,
    BusSegment,
    Electrical,
    IdentitySource,
    Origin,
    Transceiver,
)
from modwarden.site._schema import SiteShape
from modwarden.site._schema_connections import BusShape, ElectricalShape
from modwarden.site._tree import Tree, TreePath
from modwarden.site._words import matching
from modwarden.site.problems import Mistake, Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class PlantReader:
    """Builds identity sources, accounts, transceivers and buses of a site."""

    tree: Tree
    problems: Problems
    assets: Mapping[AssetName, Asset]

    def identity_sources(self, shape: SiteShape) -> Iterator[IdentitySource]:
        """Build each identity source."""
        for name, written in shape.identity_sources.items():
            origin = self.tree.origin(("identity_sources", name))
            hosts = tuple(self._assets(written.hosts, origin.at("hosts")))
            yield IdentitySource(
                name, hosts, tuple(self._assets(written.used_by, origin.at("used_by"))), origin
            )

    def accounts(self, shape: SiteShape) -> Iterator[Account]:
        """Build each account."""
        for name, written in shape.accounts.items():
            origin = self.tree.origin(("accounts", name))
            yield Account(name, tuple(self._assets(written.assets, origin.at("assets"))), origin)

    def transceivers(self, shape: SiteShape) -> Iterator[Transceiver]:
        """Build each part."""
        for name, written in shape.transceivers.items():
            yield Transceiver(name, _electrical(written), self.tree.origin(("transceivers", name)))

    def buses(self, shape: SiteShape) -> Iterator[Bus]:
        """Build each bus."""
        parts = list(shape.transceivers)
        for name, written in shape.buses.items():
            origin = self.tree.origin(("buses", name))
            gateway = self._one(written.gateway, origin.at("gateway"))
            segments = tuple(self._segments(name, written, parts))
            for segment in segments:
                self._check_units(gateway, segment)
            yield Bus(name, gateway, segments, _electrical(written.need), origin)

    def _segments(self, bus: str, shape: BusShape, parts: list[str]) -> Iterator[BusSegment]:
        for index, written in enumerate(shape.segments):
            path: TreePath = ("buses", bus, "segments", index)
            origin = self.tree.origin(path)
            if written.transceiver is not None and written.transceiver not in parts:
                hint = did_you_mean(written.transceiver, parts, "add it under `transceivers:`, with its data")
                what = f"there is no transceiver {written.transceiver!r}"
                self.problems.add(origin.at("transceiver"), Mistake("unknown-transceiver", what, hint))
            units = tuple(self._assets(written.units, origin.at("units")))
            yield BusSegment(written.building, units, written.transceiver, origin)

    def _check_units(self, gateway: AssetName, segment: BusSegment) -> None:
        for unit in segment.units:
            if self.assets[unit].via != gateway:
                what = f"{unit!r} is on the bus of {gateway!r}, and not `via` it"
                mistake = Mistake("unit-elsewhere", what, f"give the asset `via: {gateway}`, or move it")
                self.problems.add(segment.origin.at("units"), mistake)
                return

    def _one(self, word: str, origin: Origin) -> AssetName:
        if word not in self.assets:
            hint = did_you_mean(word, list(self.assets), "name an asset")
            self.problems.add(origin, Mistake("unknown-asset", f"there is no asset {word!r}", hint))
        return AssetName(word)

    def _assets(self, words: Iterable[str], origin: Origin) -> Iterator[AssetName]:
        known = [str(name) for name in self.assets]
        for word in words:
            names: list[str] = []
            with self.problems.at(origin):
                names = matching(word, known)
                if not names:
                    hint = did_you_mean(word, known, "name an asset")
                    raise Mistake("unknown-asset", f"there is no asset {word!r}", hint)
            yield from (AssetName(name) for name in names)


def _electrical(shape: ElectricalShape) -> Electrical:
    return Electrical(shape.isolation, shape.cmti, shape.data_rate, shape.temperature)
