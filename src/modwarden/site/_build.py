"""From the checked shape to the model: every name resolved, every range written out."""

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from modwarden.model import (
    AssetName,
    Conduit,
    ConduitName,
    JournalSettings,
    PolicyTest,
    Principal,
    RoleName,
    Site,
    Syslog,
    UnitId,
)
from modwarden.site._assets import AssetReader, build_zones, require
from modwarden.site._clients import ClientNames
from modwarden.site._conduits import ConduitReader
from modwarden.site._connections import ConnectionReader
from modwarden.site._plant import PlantReader
from modwarden.site._points import PointReader
from modwarden.site._schema import JournalShape, SiteShape, TestShape
from modwarden.site._tree import Tree
from modwarden.site._tunnels import TunnelReader
from modwarden.site._words import parse_socket
from modwarden.site.problems import Mistake, Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class SiteBuilder:
    """Builds the site; `path` is the file or folder it came from."""

    path: Path
    tree: Tree
    problems: Problems

    def build_site(self, shape: SiteShape) -> Site:
        """Build what can be built; what cannot is in the problems."""
        base = self.path if self.path.is_dir() else self.path.parent
        zones = build_zones(shape.zones, self.tree, self.problems)
        maps = PointReader(self.tree, self.problems, base).build_maps(shape.points)
        connections = ConnectionReader(self.tree, self.problems, frozenset(zones), base)
        reader = AssetReader(self.tree, self.problems, frozenset(zones), frozenset(maps), connections)
        assets = reader.build_assets(shape.assets)
        self._check_apart(zones, assets)
        conduits = ConduitReader(self.tree, self.problems, zones, assets, maps, base).build_conduits(
            shape.conduits
        )
        timezone = self._timezone(shape.timezone)
        plant = PlantReader(self.tree, self.problems, assets)
        names = ClientNames(assets, zones)
        tunnels = TunnelReader(self.tree, self.problems, zones, assets, conduits)
        return Site(
            name=shape.site,
            timezone=timezone,
            path=self.path,
            zones=zones,
            point_maps=maps,
            assets=assets,
            conduits=conduits,
            journal=self._journal(shape.journal, base),
            tests=self._tests(shape.tests, names, conduits, timezone),
            identity_sources=tuple(plant.identity_sources(shape)),
            accounts=tuple(plant.accounts(shape)),
            transceivers=tuple(plant.transceivers(shape)),
            buses=tuple(plant.buses(shape)),
            tunnels=tunnels.tunnels(shape.tunnels),
            origin=self.tree.origin(()),
        )

    def _check_apart(self, zones: object, assets: object) -> None:
        assert isinstance(zones, dict)
        assert isinstance(assets, dict)
        for name in zones.keys() & assets.keys():
            what = f"{name!r} is a zone and an asset, so a client {name!r} could mean either"
            self.problems.add(
                self.tree.origin(("assets", name)), Mistake("name-clash", what, "rename one of them")
            )

    def _timezone(self, name: str) -> ZoneInfo:
        with self.problems.at(self.tree.origin(("timezone",))):
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                hint = did_you_mean(
                    name, sorted(available_timezones()), "use an IANA name such as Europe/Berlin"
                )
                raise Mistake("unknown-timezone", f"there is no time zone {name!r}", hint) from None
        return ZoneInfo("UTC")

    def _journal(self, shape: JournalShape, base: Path) -> JournalSettings:
        origin = self.tree.origin(("journal",))
        directory, keys = base / shape.directory, base / shape.keys
        if keys.resolve().is_relative_to(directory.resolve()):
            what = f"the keys would be in {shape.keys!r}, inside the journal's directory"
            hint = "whoever copies the journal must not get them: name another place"
            self.problems.add(origin.at("keys"), Mistake("keys-in-journal", what, hint))
        return JournalSettings(
            directory=directory,
            keys=keys,
            keep_age_ms=shape.keep.age,
            keep_bytes=shape.keep.size,
            deadline_ms=shape.deadline,
            commit_interval_ms=shape.commit_interval,
            syslog=self._syslog(shape),
            origin=origin,
        )

    def _syslog(self, shape: JournalShape) -> Syslog | None:
        if shape.syslog is None:
            return None
        with self.problems.at(self.tree.origin(("journal", "syslog", "server"))):
            return Syslog(parse_socket(shape.syslog.server))
        return None

    def _tests(
        self,
        shapes: list[TestShape],
        clients: ClientNames,
        conduits: dict[ConduitName, Conduit],
        timezone: ZoneInfo,
    ) -> tuple[PolicyTest, ...]:
        tests = []
        for index, shape in enumerate(shapes):
            with self.problems.at(self.tree.origin(("tests", index))):
                tests.append(self._test(index, shape, clients, conduits, timezone))
        return tuple(tests)

    def _test(
        self,
        index: int,
        shape: TestShape,
        clients: ClientNames,
        conduits: dict[ConduitName, Conduit],
        timezone: ZoneInfo,
    ) -> PolicyTest:
        served = {binding.asset for conduit in conduits.values() for binding in conduit.servers}
        reachable = {
            name: asset for name, asset in clients.assets.items() if name in served or asset.via in served
        }
        require(shape.server, clients.assets, "asset")
        require(shape.server, reachable, "server")
        at = shape.at if shape.at is None or shape.at.tzinfo else shape.at.replace(tzinfo=timezone)
        return PolicyTest(
            client=Principal(
                clients.address(shape.client), None if shape.role is None else RoleName(shape.role)
            ),
            written_client=shape.client,
            server=AssetName(shape.server),
            request=shape.request,
            expect=shape.expect,
            unit_id=None if shape.unit_id is None else UnitId(shape.unit_id),
            at=None if at is None else at.astimezone(UTC),
            known={k: tuple(v) if isinstance(v, list) else v for k, v in shape.known.items()},
            origin=self.tree.origin(("tests", index)),
        )
