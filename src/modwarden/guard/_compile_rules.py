"""Rules, limits and refusals in the shape of the core's document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modwarden.model import (
    AssetName,
    Conduit,
    Denial,
    Limits,
    Refusal,
    Rule,
    RuleKind,
    Site,
    UnitId,
    function_catalogue,
)

_UMAS = 0x5A


@dataclass(frozen=True, slots=True)
class RuleCompiler:
    """Compiles rules against the indices of their servers."""

    site: Site
    indices: Mapping[AssetName, int]

    def rule(self, rule: Rule) -> dict[str, Any]:
        """Give one rule; what it leaves open stays `None`."""
        return {
            "name": rule.name,
            "kind": rule.kind,
            "functions": [str(function) for function in rule.functions],
            "clients": None if rule.clients is None else sorted(str(network) for network in rule.clients),
            "roles": None if rule.roles is None else sorted(rule.roles),
            "targets": None if rule.servers is None else self._targets(rule.servers),
            "unit_ids": None if rule.unit_ids is None else sorted(set(rule.unit_ids)),
            "ranges": None
            if rule.ranges is None
            else [[s.table, s.first, s.last] for s in sorted(rule.ranges)],
            "points": None if rule.points is None else sorted(rule.points),
            "limits": {name: limits_document(limits) for name, limits in rule.limits.items()},
            "when": None if rule.when is None else [_window(w.days, w.from_s, w.to_s) for w in rule.when],
            "essential": rule.essential,
            "denial": None if rule.denial is None else answer(rule.denial),
        }

    def _targets(self, names: tuple[AssetName, ...]) -> list[dict[str, Any]]:
        """Name servers by index; assets behind a gateway become its unit ids."""
        whole = {name for name in names if name in self.indices}
        units: dict[AssetName, set[UnitId]] = {name: set() for name in whole}
        for name in names:
            gateway = self.site.assets[name].via
            if gateway is not None and gateway not in whole:
                units.setdefault(gateway, set()).update(self.site.assets[name].unit_ids)
        return [
            {"server": self.indices[name], "unit_ids": None if name in whole else sorted(units[name])}
            for name in sorted(units)
        ]


def permits_umas(site: Site, conduit: Conduit, server: AssetName) -> bool:
    """Say whether some rule of a conduit permits any of UMAS towards a server."""
    if all(binding.asset != server for binding in conduit.servers):
        return False
    reach = {server} | {asset.name for asset in site.units_via(server)}
    catalogue = function_catalogue()
    umas = [(row, name) for row in catalogue if row.function_code == _UMAS for name in row.sets]
    return any(
        rule.kind == RuleKind.PERMIT
        and (rule.servers is None or not reach.isdisjoint(rule.servers))
        and any(f.covers(row, name) for f in rule.functions for row, name in umas)
        for rule in conduit.rules
    )


def answer(denial: Denial) -> str | dict[str, int]:
    """Give a refusal as the core's enum."""
    return denial.value if isinstance(denial, Refusal) else {"exception": denial}


def limits_document(limits: Limits) -> dict[str, Any]:
    """Give limits; numbers as floats, so that 18 and 18.0 are one text."""
    change = limits.max_change
    return {
        "range": None if limits.range is None else [float(value) for value in limits.range],
        "allowed": None if limits.allowed is None else sorted({float(value) for value in limits.allowed}),
        "max_step": None if limits.max_step is None else float(limits.max_step),
        "max_change": None if change is None else {"by": float(change.by), "in_ms": change.in_ms},
        "per_minute": limits.per_minute,
        "max_age_ms": limits.max_age_ms,
    }


def _window(days: tuple[int, ...], from_s: int, to_s: int) -> dict[str, Any]:
    return {"days": list(days), "from_s": from_s, "to_s": to_s}
