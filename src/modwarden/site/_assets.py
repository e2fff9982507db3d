"""Zones and assets: ranges written out, names of zones, gateways and maps resolved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from modwarden.model import (
    Asset,
    AssetName,
    Framing,
    Network,
    Origin,
    Place,
    PointMapName,
    SerialPort,
    UnitId,
    Zone,
    ZoneName,
)
from modwarden.site._connections import ConnectionReader
from modwarden.site._lines import check_ports, serial_ports, shared_line
from modwarden.site._schema import ZoneShape
from modwarden.site._schema_assets import AssetShape
from modwarden.site._tree import Tree
from modwarden.site._words import expand, expand_beside, holds_range, parse_address, parse_network
from modwarden.site.problems import Mistake, Problems, did_you_mean

_LAST_UNIT_ID = 255


def build_zones(shapes: Mapping[str, ZoneShape], tree: Tree, problems: Problems) -> dict[ZoneName, Zone]:
    """Build the zones."""
    zones = {}
    for name, shape in shapes.items():
        origin = tree.origin(("zones", name))
        place = shape.place
        zones[ZoneName(name)] = Zone(
            ZoneName(name),
            shape.level,
            shape.sl_t,
            tuple(shape.networks),
            origin,
            _vlans(shape, origin, problems),
            Place(place.location, tuple(place.buildings), place.locked, place.wireless),
        )
    return zones


def _vlans(shape: ZoneShape, origin: Origin, problems: Problems) -> dict[Network, int]:
    vlans = {}
    for text, number in shape.vlans.items():
        with problems.at(origin.at("vlans")):
            network = parse_network(text)
            if network not in shape.networks:
                hint = "name one of the zone's `networks`, written alike"
                raise Mistake("unknown-network", f"{text!r} is no network of this zone", hint)
            vlans[network] = number
    return vlans


@dataclass(frozen=True, slots=True)
class AssetReader:
    """Builds the assets of a site and resolves what they refer to."""

    tree: Tree
    problems: Problems
    zones: frozenset[str]
    maps: frozenset[str]
    connections: ConnectionReader

    def build_assets(self, shapes: Mapping[str, AssetShape]) -> dict[AssetName, Asset]:
        """Build each asset; one with a mistake is kept as far as it goes, so that its name is known."""
        assets: dict[AssetName, Asset] = {}
        for written, shape in shapes.items():
            origin = self.tree.origin(("assets", written))
            with self.problems.at(origin):
                for asset in self._expanded(written, shape, origin):
                    self._add(asset, assets)
        self._check_gateways(assets)
        for origin, mistake in check_ports(list(assets.values())):
            self.problems.add(origin, mistake)
        return assets

    def _add(self, asset: Asset, assets: dict[AssetName, Asset]) -> None:
        if asset.name in assets:
            what = f"the asset {asset.name!r} is here twice; the first is at {assets[asset.name].origin}"
            self.problems.add(asset.origin, Mistake("duplicate-key", what, "let the ranges not overlap"))
            return
        assets[asset.name] = asset

    def _expanded(self, written: str, shape: AssetShape, origin: Origin) -> Iterator[Asset]:
        if "*" in written:
            raise Mistake(
                "bad-name", f"{written!r} is no name", "`*` is for rules; write a range such as ahu-[001-200]"
            )
        names = expand(written)
        self._check_words(shape, origin)
        addresses = [self._beside(text, names, origin.at("addresses")) for text in shape.addresses]
        units = self._units(shape, names, origin)
        ports = self._ports(shape, names, origin)
        line = None
        with self.problems.at(origin):
            line = shared_line(shape)
        connections = self.connections.build(written, shape, names)
        for index, name in enumerate(names):
            own = [column[index] for column in addresses if column]
            plain = self._asset(name, shape, own, units[index], origin)
            own_too = (address for one in connections.interfaces for address in one.addresses)
            addresses_of = tuple(dict.fromkeys((*plain.addresses, *own_too)))
            yield replace(
                plain, serial=ports[index], line=line, addresses=addresses_of, connections=connections
            )

    def _asset(
        self, name: str, shape: AssetShape, addresses: list[str], units: tuple[UnitId, ...], origin: Origin
    ) -> Asset:
        parsed = []
        for text in addresses:
            with self.problems.at(origin.at("addresses")):
                parsed.append(parse_address(text))
        return Asset(
            name=AssetName(name),
            zone=ZoneName(shape.zone),
            addresses=tuple(parsed),
            port=shape.port,
            unit_ids=units,
            via=AssetName(shape.via) if shape.via is not None else None,
            points=PointMapName(shape.points) if shape.points in self.maps else None,
            vendor=shape.vendor,
            model=shape.model,
            firmware=shape.firmware,
            tolerate=tuple(shape.tolerate),
            reply_timeout_ms=shape.reply_timeout,
            framing=shape.framing or Framing.MODBUS_TCP,
            origin=origin,
        )

    def _ports(self, shape: AssetShape, names: list[str], origin: Origin) -> list[SerialPort | None]:
        with self.problems.at(origin.at("serial")):
            return serial_ports(shape, names)
        return [None] * len(names)

    def _check_words(self, shape: AssetShape, origin: Origin) -> None:
        with self.problems.at(origin.at("zone")):
            require(shape.zone, self.zones, "zone")
        with self.problems.at(origin.at("points")):
            if shape.points is not None:
                require(shape.points, self.maps, "map of points")

    def _beside(self, text: str, names: list[str], origin: Origin) -> list[str]:
        with self.problems.at(origin):
            texts = expand_beside(text, names)
            if len(names) > 1 and not holds_range(text):
                what = f"{len(names)} assets share the address {text!r}"
                raise Mistake("range-lengths", what, "give it a range as long as the name's")
            return texts
        return []

    def _units(self, shape: AssetShape, names: list[str], origin: Origin) -> list[tuple[UnitId, ...]]:
        fixed = tuple(UnitId(unit) for unit in shape.unit_ids or ())
        with self.problems.at(origin.at("unit_id")):
            if shape.unit_id is None:
                return [fixed] * len(names)
            if shape.unit_ids is not None:
                raise Mistake("bad-unit-id", "unit_id and unit_ids say the same", "keep one of them")
            return [(_unit(text),) for text in expand_beside(str(shape.unit_id), names)]
        return [fixed] * len(names)

    def _check_gateways(self, assets: Mapping[AssetName, Asset]) -> None:
        for asset in assets.values():
            if asset.via is None:
                continue
            with self.problems.at(asset.origin.at("via")):
                require(asset.via, assets, "asset")
                _check_gateway(asset, assets[asset.via])


def require(word: str, known: Mapping[AssetName, Asset] | frozenset[str], kind: str) -> None:
    """
    Hold a name against those that exist.

    Raises:
        Mistake: `unknown-zone`, `unknown-asset` …, by kind.
    """
    if word not in known:
        names = sorted(known)
        slug = "point-map" if kind == "map of points" else kind
        raise Mistake(
            f"unknown-{slug}", f"there is no {kind} {word!r}", did_you_mean(word, names, _listed(names, kind))
        )


def _listed(names: list[str], kind: str) -> str:
    if not names:
        return f"no {kind} is defined"
    return f"known: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _unit(text: str) -> UnitId:
    if not text.isdecimal() or int(text) > _LAST_UNIT_ID:
        raise Mistake(
            "bad-unit-id", f"{text!r} is no unit id", "they are 0 to 255; write 7, or a range such as [1-13]"
        )
    return UnitId(int(text))


def _check_gateway(asset: Asset, gateway: Asset) -> None:
    if gateway.via is not None:
        raise Mistake(
            "bad-gateway",
            f"the gateway {gateway.name!r} is itself behind one",
            "name the gateway on the network",
        )
    if asset.addresses:
        raise Mistake(
            "bad-gateway",
            f"{asset.name!r} is behind a gateway, yet has addresses",
            "keep `via` or `addresses`",
        )
    if not asset.unit_ids:
        raise Mistake(
            "missing-key", f"{asset.name!r} is behind a gateway and has no unit id", "add `unit_id:`"
        )
    # V1.02 §2.2: on a serial line 0 is broadcast, 248 to 255 are reserved.
    if any(not 1 <= unit <= 247 for unit in asset.unit_ids):
        raise Mistake(
            "bad-unit-id",
            f"{asset.name!r}: units on a serial line are 1 to 247",
            "choose the device's own id",
        )
