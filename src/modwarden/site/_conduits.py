"""Conduits: zones, guard, servers and their listeners resolved, then the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modwarden.model import (
    Asset,
    AssetName,
    Budgets,
    Conduit,
    ConduitName,
    Framing,
    Insertion,
    Network,
    OnFailure,
    OnGuardFailure,
    Origin,
    PointMap,
    PointMapName,
    Protection,
    SerialPort,
    ServerBinding,
    ServerTls,
    Socket,
    Zone,
    ZoneName,
)
from modwarden.site._assets import require
from modwarden.site._clients import ClientNames, host
from modwarden.site._rules import RuleReader
from modwarden.site._schema_conduits import ConduitShape, ServerShape
from modwarden.site._serial_clients import serial_client
from modwarden.site._tls import build_server_tls, build_tls, check_one_way, check_server_tls
from modwarden.site._transparent import build_transparent, check_destination
from modwarden.site._tree import Tree
from modwarden.site._words import expand, expand_beside, holds_range, parse_socket
from modwarden.site.problems import Mistake, Problems

_DEADLINE_MS = 500
_SERIAL_DEADLINE_MS = 2000


@dataclass(frozen=True, slots=True)
class ConduitReader:
    """Builds the conduits of a site from its zones, assets and maps."""

    tree: Tree
    problems: Problems
    zones: Mapping[ZoneName, Zone]
    assets: Mapping[AssetName, Asset]
    maps: Mapping[PointMapName, PointMap]
    base: Path

    def build_conduits(self, shapes: Mapping[str, ConduitShape]) -> dict[ConduitName, Conduit]:
        """Build each conduit."""
        named = {shape.guard for shape in shapes.values() if shape.guard is not None}
        conduits = {}
        for name, shape in shapes.items():
            origin = self.tree.origin(("conduits", name))
            with self.problems.at(origin):
                conduits[ConduitName(name)] = self._conduit(name, shape, named, origin)
        for where, mistake in check_one_way(conduits.values()):
            self.problems.add(where, mistake)
        return conduits

    def _conduit(self, name: str, shape: ConduitShape, guards: set[str], origin: Origin) -> Conduit:
        self._check_zones(shape, origin)
        self._check_insertion(shape, origin)
        transparent = build_transparent(name, shape, origin, self.problems)
        client = self._serial_client(shape, origin)
        bindings = self._bindings(name, shape, client)
        default_deadline = _SERIAL_DEADLINE_MS if self._leads_to_bus(bindings) else _DEADLINE_MS
        rules = RuleReader(
            self.tree,
            self.problems,
            name,
            ClientNames(self.assets, self.zones, _port_of(client)),
            self._from_networks(shape) if client is None else (host(client.client_addresses[0]),),
            self._targets(bindings),
            self.maps,
        )
        return Conduit(
            name=ConduitName(name),
            from_zones=tuple(ZoneName(zone) for zone in shape.from_zones),
            to_zone=ZoneName(shape.to_zone),
            guard=self._guard(name, shape, guards, bindings, origin),
            insertion=shape.insertion,
            verdicts=shape.verdicts,
            denial=shape.denial,
            server_silent=shape.server_silent,
            idle_timeout_ms=shape.idle_timeout,
            deadline_ms=shape.deadline or default_deadline,
            on_failure=OnFailure(shape.on_failure.journal, shape.on_failure.guard, shape.on_failure.policy),
            record_read_values=shape.record_read_values,
            budgets=Budgets(**shape.budgets.model_dump()),
            tls=build_tls(shape.tls, self.base, self.tree.origin(("conduits", name, "tls")), self.problems),
            transparent=transparent,
            servers=bindings,
            client=None if client is None else client.name,
            rules=rules.build_rules(shape.rules),
            protection=Protection(
                tuple(shape.protection.countermeasures),
                shape.protection.encryption,
                shape.protection.isolation,
            ),
            origin=origin,
        )

    def _leads_to_bus(self, bindings: tuple[ServerBinding, ...]) -> bool:
        servers = [self.assets[binding.asset] for binding in bindings]
        return any(server.serial or server.framing == Framing.RTU_OVER_TCP for server in servers)

    def _check_zones(self, shape: ConduitShape, origin: Origin) -> None:
        known = frozenset(self.zones)
        for key, zones in (("from", shape.from_zones), ("to", [shape.to_zone])):
            for zone in zones:
                with self.problems.at(origin.at(key)):
                    require(zone, known, "zone")

    def _check_insertion(self, shape: ConduitShape, origin: Origin) -> None:
        if shape.on_failure.guard == OnGuardFailure.OPEN and shape.insertion != Insertion.TRANSPARENT:
            what = "a proxy cannot fail open: without it there is no path"
            hint = "leave `guard: closed`; open needs `insertion: transparent`"
            self.problems.add(origin.at("on_failure"), Mistake("proxy-fails-closed", what, hint))

    def _serial_client(self, shape: ConduitShape, origin: Origin) -> Asset | None:
        with self.problems.at(origin.at("client")):
            return serial_client(shape, self.assets)
        return None

    def _from_networks(self, shape: ConduitShape) -> tuple[Network, ...]:
        zones = [self.zones[ZoneName(name)] for name in shape.from_zones if name in self.zones]
        return tuple(dict.fromkeys(network for zone in zones for network in zone.networks))

    def _bindings(self, conduit: str, of: ConduitShape, client: Asset | None) -> tuple[ServerBinding, ...]:
        bindings: dict[AssetName, ServerBinding] = {}
        is_transparent = of.insertion == Insertion.TRANSPARENT
        for written, shape in of.servers.items():
            origin = self.tree.origin(("conduits", conduit, "servers", written))
            with self.problems.at(origin):
                names = expand(written)
                listens = _no_listens(shape, names) if is_transparent else _listens(shape, names, client)
                there = self.tree.origin(("conduits", conduit, "servers", written, "tls"))
                with self.problems.at(there):
                    secured = build_server_tls(shape.tls, names, self.base, there, self.problems)
                    for name, listen, tls in zip(names, listens, secured, strict=True):
                        with self.problems.at(origin):
                            self._bind(AssetName(name), (listen, tls), bindings, origin)
        return tuple(bindings.values())

    def _bind(
        self,
        name: AssetName,
        way: tuple[str | SerialPort | None, ServerTls | None],
        bindings: dict[AssetName, ServerBinding],
        origin: Origin,
    ) -> None:
        require(name, self.assets, "asset")
        asset = self.assets[name]
        if name in bindings:
            what = f"the server {name!r} is here twice; the first is at {bindings[name].origin}"
            raise Mistake("duplicate-key", what, "let the ranges not overlap")
        if asset.via is not None:
            raise Mistake(
                "server-behind-gateway", f"{name!r} is behind {asset.via!r}", f"list {asset.via!r} instead"
            )
        if not asset.addresses and asset.serial is None:
            raise Mistake("no-address", f"the server {name!r} has no address", "give the asset `addresses:`")
        if not asset.unit_ids and not any(other.via == name for other in self.assets.values()):
            hint = f"add `unit_ids: [1]` (or [255]) to the asset at {asset.origin}: the ids its clients use"
            raise Mistake(
                "no-unit-id", f"the server {name!r} has no unit id, so nothing could reach it", hint
            )
        listen, tls = way
        check_server_tls(asset, tls)
        bindings[name] = ServerBinding(name, self._place(name, listen), tls, origin.at("listen"))

    def _place(self, name: AssetName, listen: str | SerialPort | None) -> Socket | SerialPort:
        if isinstance(listen, SerialPort):
            return listen
        if listen is not None:
            return parse_socket(listen)
        check_destination(name, self.assets)
        return Socket(self.assets[name].addresses[0], self.assets[name].port)

    def _targets(self, bindings: tuple[ServerBinding, ...]) -> dict[AssetName, Asset]:
        names = {binding.asset for binding in bindings}
        return {name: asset for name, asset in self.assets.items() if name in names or asset.via in names}

    def _guard(
        self,
        name: str,
        shape: ConduitShape,
        guards: set[str],
        bindings: tuple[ServerBinding, ...],
        origin: Origin,
    ) -> AssetName:
        if shape.guard is not None:
            with self.problems.at(origin.at("guard")):
                require(shape.guard, self.assets, "asset")
            return AssetName(shape.guard)
        if len(guards) == 1:
            return AssetName(next(iter(guards)))
        owners = {
            asset.name
            for asset in self.assets.values()
            for b in bindings
            if shape.insertion != Insertion.TRANSPARENT
            and isinstance(b.listen, Socket)
            and b.listen.address in asset.addresses
        }
        if len(owners) == 1:
            return next(iter(owners))
        what = f"the conduit {name!r} names no guard, and it is not clear which one it has"
        self.problems.add(origin, Mistake("no-guard", what, "add `guard:`, the asset its guard runs on"))
        return AssetName("")


def _port_of(client: Asset | None) -> frozenset[str]:
    return frozenset() if client is None or client.serial is None else frozenset({client.serial.port})


def _listens(shape: ServerShape, names: list[str], client: Asset | None) -> Sequence[str | SerialPort]:
    text = shape.listen
    if client is not None and client.serial is not None:
        if text is not None:
            hint = "leave `listen` out: all its servers are reached at the client's port"
            raise Mistake("listen-on-serial", f"{names[0]!r} has `listen`, and its client is serial", hint)
        return [client.serial] * len(names)
    if text is None:
        hint = (
            'add `listen: "ADDRESS:PORT"`, where clients find the guard, or choose `insertion: transparent`'
        )
        raise Mistake("no-listener", f"nothing says where the guard listens for {names[0]!r}", hint)
    listens = expand_beside(text, names)
    if len(names) > 1 and not holds_range(text):
        what = f"{len(names)} servers share the listener {text!r}"
        raise Mistake("range-lengths", what, "give it a range as long as the name's")
    return listens


def _no_listens(shape: ServerShape, names: list[str]) -> list[None]:
    if shape.listen is not None:
        what = "with transparent insertion clients connect to the server itself, not to the guard"
        raise Mistake("listen-not-used", what, "remove `listen`; an empty `{}` is enough")
    return [None] * len(names)
