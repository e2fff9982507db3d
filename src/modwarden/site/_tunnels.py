"""Tunnels: assets and addresses resolved, and what each kind needs of its ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modwarden.model import (
    WIREGUARD_PORT,
    Address,
    Asset,
    AssetName,
    Conduit,
    ConduitName,
    Credentials,
    Origin,
    Tunnel,
    TunnelEnd,
    TunnelKind,
    TunnelName,
    Zone,
    ZoneName,
)
from modwarden.site._assets import require
from modwarden.site._schema_tunnels import TunnelEndShape, TunnelShape
from modwarden.site._tree import Tree
from modwarden.site._tunnel_checks import check_end, check_pair, check_together, check_words, check_zones
from modwarden.site._words import parse_address
from modwarden.site.problems import Mistake, Problems

_MS_PER_S = 1000
# `wg` takes 16 bits of seconds.
_LONGEST_KEEPALIVE_S = 65_535


@dataclass(frozen=True, slots=True)
class TunnelReader:
    """Builds the tunnels of a site."""

    tree: Tree
    problems: Problems
    zones: Mapping[ZoneName, Zone]
    assets: Mapping[AssetName, Asset]
    conduits: Mapping[ConduitName, Conduit]

    def tunnels(self, shapes: Mapping[str, TunnelShape]) -> dict[TunnelName, Tunnel]:
        """Build each; what is wrong is reported, and a tunnel without two ends left out."""
        built = {}
        for name, shape in shapes.items():
            tunnel = self._tunnel(name, shape, self.tree.origin(("tunnels", name)))
            if tunnel is not None:
                built[tunnel.name] = tunnel
        for origin, mistake in check_together(built.values(), self.assets):
            self.problems.add(origin, mistake)
        return built

    def _tunnel(self, name: str, shape: TunnelShape, origin: Origin) -> Tunnel | None:
        with self.problems.at(origin.at("conduit")):
            if shape.conduit is not None:
                require(shape.conduit, frozenset(self.conduits), "conduit")
        with self.problems.at(origin):
            check_words(name)
        ends = list(self._ends(name, shape))
        if len(ends) != 2:
            if len(shape.ends) != 2:
                what = f"the tunnel {name!r} has {len(shape.ends)} ends"
                hint = "name two assets under `ends:`; more sites need a tunnel for each pair"
                self.problems.add(origin.at("ends"), Mistake("tunnel-ends", what, hint))
            return None
        keepalive = None
        with self.problems.at(origin.at("keepalive")):
            keepalive = _seconds(shape.keepalive)
        conduit = None if shape.conduit is None else ConduitName(shape.conduit)
        tunnel = Tunnel(TunnelName(name), shape.kind, (ends[0], ends[1]), keepalive, conduit, origin)
        for where, mistake in (*check_pair(tunnel), *check_zones(tunnel, self.zones.values())):
            self.problems.add(where, mistake)
        return tunnel

    def _ends(self, tunnel: str, shape: TunnelShape) -> Iterator[TunnelEnd]:
        for name, end in shape.ends.items():
            origin = self.tree.origin(("tunnels", tunnel, "ends", name))
            with self.problems.at(origin):
                require(name, self.assets, "asset")
                yield self._end(self.assets[AssetName(name)], shape.kind, end, origin)

    def _end(self, asset: Asset, kind: TunnelKind, shape: TunnelEndShape, origin: Origin) -> TunnelEnd:
        for where, mistake in check_end(asset, kind, shape, origin):
            self.problems.add(where, mistake)
        address = self._address(shape.address, origin.at("address"))
        port = None
        if kind is TunnelKind.WIREGUARD and address is not None:
            port = shape.port or WIREGUARD_PORT
        return TunnelEnd(
            asset=asset.name,
            networks=tuple(shape.networks),
            address=address,
            port=port,
            inside=self._address(shape.inside, origin.at("inside")),
            interface=shape.interface,
            public_key=shape.public_key,
            credentials=_credentials(shape),
            ports=tuple(shape.ports or ()),
            origin=origin,
        )

    def _address(self, text: str | None, origin: Origin) -> Address | None:
        with self.problems.at(origin):
            return None if text is None else parse_address(text)
        return None


def _credentials(shape: TunnelEndShape) -> Credentials | None:
    if shape.identity is None or shape.certificate is None or shape.ca is None:
        return None
    return Credentials(shape.identity, shape.certificate, tuple(shape.ca))


def _seconds(duration_ms: int | None) -> int | None:
    if duration_ms is None:
        return None
    seconds, rest = divmod(duration_ms, _MS_PER_S)
    if rest or not 0 < seconds <= _LONGEST_KEEPALIVE_S:
        hint = f"write whole seconds, at most {_LONGEST_KEEPALIVE_S}s"
        raise Mistake("bad-keepalive", f"{duration_ms} ms is no keepalive", hint)
    return seconds
