"""Compile a site into the one document that a guard's core enforces.

Kept true here:
* the text is canonical, so that equal policies have equal digests, however the file orders them;
* every name is resolved: the core sees addresses, indices and numbers.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from modwarden.errors import ModwardenError
from modwarden.guard._compile_lines import is_bus, line_document, serial_document
from modwarden.guard._compile_rules import RuleCompiler, answer, limits_document, permits_umas
from modwarden.guard._utc_offsets import utc_offsets
from modwarden.model import (
    Asset,
    AssetName,
    Conduit,
    Limits,
    Ocsp,
    Point,
    PointMap,
    PointMapName,
    Site,
    Tls,
    Transparent,
)

_FORMAT = 1
_REPLY_TIMEOUT_MS = 10_000
# A serial line answers in a second or not at all (V1.02 §2.4.1); three leave room for its queue.
_GATEWAY_REPLY_TIMEOUT_MS = 3_000
_PDU_BYTES = 253
# Newer controllers negotiate blocks of about 1 KB for UMAS.
_UMAS_PDU_BYTES = 1024


class GuardChoiceError(ModwardenError):
    """No guard, or more than one, could be meant."""

    exit_code = 2


def compile_policy(site: Site, guard: str | None) -> bytes:
    """
    Give the document of one guard as canonical JSON; `None` means the only guard there is.

    Raises:
        GuardChoiceError: the site has no such guard, or has several and none is named.
    """
    document = _Compiler(site, choose_guard(site, guard)).document()
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def choose_guard(site: Site, guard: str | None) -> AssetName:
    """
    Find the guard that is meant.

    Raises:
        GuardChoiceError: as in `compile_policy`.
    """
    guards = site.guards()
    if guard is None and len(guards) == 1:
        return guards[0]
    if guard is not None and guard in guards:
        return AssetName(guard)
    known = ", ".join(guards) or "none"
    wanted = "which guard is meant?" if guard is None else f"no conduit has the guard {guard!r}"
    raise GuardChoiceError(f"{site.path}: {wanted} (guards: {known})")


@dataclass(frozen=True, slots=True)
class _Compiler:
    """One guard's part of a site, in the shape of `crates/policy/src/document.rs`."""

    site: Site
    guard: AssetName

    def document(self) -> dict[str, Any]:
        conduits = sorted(
            (conduit for conduit in self.site.conduits.values() if conduit.guard == self.guard),
            key=lambda conduit: conduit.name,
        )
        servers = sorted({binding.asset for conduit in conduits for binding in conduit.servers})
        maps = self._maps_of(servers)
        return {
            "format": _FORMAT,
            "site": self.site.name,
            "guard": self.guard,
            "utc_offsets": utc_offsets(self.site.timezone),
            "assets": self._assets(),
            "point_maps": [_point_map(self.site.point_maps[name]) for name in maps],
            "servers": [self._server(name, maps, conduits) for name in servers],
            "conduits": [self._conduit(conduit, servers) for conduit in conduits],
        }

    def _assets(self) -> list[dict[str, Any]]:
        clients = {conduit.client for conduit in self.site.conduits.values()}
        return [
            {"name": asset.name, "addresses": [str(address) for address in asset.client_addresses]}
            for asset in _by_name(self.site.assets.values())
            if asset.addresses or asset.name in clients
        ]

    def _maps_of(self, servers: Sequence[AssetName]) -> list[PointMapName]:
        units = [unit for server in servers for unit in self._units(server)]
        return sorted({unit.points for unit in units if unit.points is not None})

    def _units(self, server: AssetName) -> list[Asset]:
        own = [self.site.assets[server]] if self.site.assets[server].unit_ids else []
        return own + _by_name(self.site.units_via(server))

    def _server(
        self, name: AssetName, maps: Sequence[PointMapName], conduits: Iterable[Conduit]
    ) -> dict[str, Any]:
        asset = self.site.assets[name]
        is_gateway = bool(self.site.units_via(name)) or is_bus(asset)
        default = _GATEWAY_REPLY_TIMEOUT_MS if is_gateway else _REPLY_TIMEOUT_MS
        units = self._units(name)
        # A longer block needs a connection of its own: a shared line takes no frame beyond the standard's.
        on_buses = {binding.asset for c in conduits if c.client is not None for binding in c.servers}
        has_umas = (
            asset.line is None
            and name not in on_buses
            and any(permits_umas(self.site, conduit, name) for conduit in conduits)
        )
        return {
            "name": name,
            "address": str(asset.addresses[0]) if asset.serial is None else None,
            "port": asset.port if asset.serial is None else 0,
            "line": line_document(self.site, asset, units),
            **_server_tls(asset, conduits),
            "gateway": is_gateway,
            "units": [_unit(unit, maps) for unit in units],
            "tolerate": sorted(set(asset.tolerate)),
            "reply_timeout_ms": asset.reply_timeout_ms or default,
            "umas_pdu_bytes": _UMAS_PDU_BYTES if has_umas else _PDU_BYTES,
        }

    def _conduit(self, conduit: Conduit, servers: Sequence[AssetName]) -> dict[str, Any]:
        rules = RuleCompiler(self.site, {name: index for index, name in enumerate(servers)})
        budgets = conduit.budgets
        return {
            "name": conduit.name,
            "verdicts": conduit.verdicts,
            "denial": answer(conduit.denial),
            "server_silent": conduit.server_silent,
            "idle_timeout_ms": conduit.idle_timeout_ms,
            "deadline_ms": conduit.deadline_ms,
            "on_journal_failure": conduit.on_failure.journal,
            "record_read_values": conduit.record_read_values,
            "budgets": {
                "sessions": budgets.sessions,
                "sessions_per_client": budgets.sessions_per_client,
                "open_requests": budgets.open_requests,
                "queued_requests": budgets.queued_requests,
                "denial_rows_per_second": budgets.denial_rows_per_second,
            },
            # Left out where there is none, so that such a policy keeps the digest that it always had.
            **({} if conduit.tls is None else {"tls": _tls(conduit.tls)}),
            **({} if conduit.transparent is None else {"transparent": _transparent(conduit.transparent)}),
            "listeners": self._listeners(conduit, servers)
            if conduit.client is None
            else [_bus(self.site.assets[conduit.client], conduit, servers)],
            "rules": [rules.rule(rule) for rule in sorted(conduit.rules, key=lambda rule: rule.name)],
        }

    def _listeners(self, conduit: Conduit, servers: Sequence[AssetName]) -> list[dict[str, Any]]:
        """Group servers by socket: several behind one are told apart by unit id."""
        grouped: dict[tuple[str, int], list[int]] = {}
        for binding in sorted(conduit.servers, key=lambda binding: binding.asset):
            for socket in self.site.sockets(conduit, binding):
                place = (str(socket.address), socket.port)
                grouped.setdefault(place, []).append(servers.index(binding.asset))
        return [
            {"address": address, "port": port, "servers": indices}
            for (address, port), indices in sorted(grouped.items())
        ]


def _transparent(transparent: Transparent) -> dict[str, Any]:
    return {"port": transparent.port, "client_address": transparent.client_address}


def _bus(client: Asset, conduit: Conduit, servers: Sequence[AssetName]) -> dict[str, Any]:
    """Give the serial port at which a client asks; the address that stands for it takes a socket's place."""
    serial = client.serial
    assert serial is not None
    return {
        "address": str(serial.address),
        "port": 0,
        "bus": {
            "serial": serial_document(serial),
            "echo": client.line is not None and client.line.echo,
        },
        "servers": sorted(servers.index(binding.asset) for binding in conduit.servers),
    }


def _tls(tls: Tls) -> dict[str, Any]:
    """Paths and settings: the key's bytes never stand in a document."""
    return {
        "certificate": str(tls.certificate.absolute()),
        "key": str(tls.key.absolute()),
        "trust": [str(file.absolute()) for file in tls.trust],
        "crls": [str(file.absolute()) for file in tls.crls],
        "versions": list(tls.versions),
        "suites": list(tls.suites),
        # Left out where nobody is asked, so that such a policy keeps the digest that it always had.
        **({} if tls.ocsp is None else {"ocsp": _ocsp(tls.ocsp)}),
        "stale_crl": tls.stale_crl,
        "expired": tls.expired,
    }


def _ocsp(ocsp: Ocsp) -> dict[str, Any]:
    return {
        "responder": ocsp.responder,
        "when_silent": ocsp.when_silent,
        "timeout_ms": ocsp.timeout_ms,
        "max_age_ms": ocsp.max_age_ms,
    }


def _server_tls(asset: Asset, conduits: Iterable[Conduit]) -> dict[str, Any]:
    """Describe TLS towards a server, where there is any: all conduits of a guard say the same of it."""
    bindings = (binding for conduit in conduits for binding in conduit.servers)
    tls = next((binding.tls for binding in bindings if binding.asset == asset.name), None)
    if tls is None:
        return {}
    return {
        "tls": {
            "tls": _tls(tls.tls),
            "name": tls.name or str(asset.addresses[0]),
            "max_fragment": tls.max_fragment_bytes,
            "one_sided": tls.one_sided,
        }
    }


def _unit(asset: Asset, maps: Sequence[PointMapName]) -> dict[str, Any]:
    point_map = None if asset.points is None else maps.index(asset.points)
    return {"asset": asset.name, "unit_ids": sorted(set(asset.unit_ids)), "point_map": point_map}


def _point_map(point_map: PointMap) -> dict[str, Any]:
    points = sorted(point_map.points.values(), key=lambda point: point.name)
    return {"name": point_map.name, "points": [_point(point) for point in points]}


def _point(point: Point) -> dict[str, Any]:
    return {
        "name": point.name,
        "table": point.table,
        "address": point.address,
        "type": point.type,
        "word_order": point.word_order,
        "byte_order": point.byte_order,
        "scale": float(point.scale),
        "offset": float(point.offset),
        "aliases": [[table, first] for table, first in point.aliases],
        "partial": point.partial,
        "limits": None if point.limits is None or point.limits == Limits() else limits_document(point.limits),
        "engineering_unit": point.engineering_unit,
    }


def _by_name(assets: Iterable[Asset]) -> list[Asset]:
    return sorted(assets, key=lambda asset: asset.name)
