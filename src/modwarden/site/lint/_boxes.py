"""
Rules of a conduit as boxes: clients, roles, functions, cells (unit and address) and times.

Kept true here: a box holds exactly the requests a rule names, table by table, so that
reasoning over boxes is exact. Requests without addresses form a table of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from modwarden.model import (
    LAST_ADDRESS,
    WEEK_S,
    AssetName,
    Conduit,
    Function,
    FunctionSelector,
    Network,
    PointMap,
    Rule,
    Site,
    Table,
    UnitId,
    function_catalogue,
)
from modwarden.site._axes import Axis, Box, Interval

# IPv4 lies below, IPv6 above.
_V6 = 1 << 32
_ALL_CLIENTS = (0, _V6 + (1 << 128))
# Which side of a box says the clients.
CLIENTS = 1
_ALL_ADDRESSES = (0, LAST_ADDRESS + 1)
_WEEK = (0, WEEK_S)
_TABLE_OF_CODE = {
    1: Table.COIL,
    2: Table.DISCRETE_INPUT,
    3: Table.HOLDING_REGISTER,
    4: Table.INPUT_REGISTER,
    5: Table.COIL,
    6: Table.HOLDING_REGISTER,
    15: Table.COIL,
    16: Table.HOLDING_REGISTER,
    22: Table.HOLDING_REGISTER,
    23: Table.HOLDING_REGISTER,
    24: Table.HOLDING_REGISTER,
}


@dataclass(frozen=True, slots=True)
class _Unit:
    asset: AssetName
    via: AssetName | None
    unit_id: UnitId
    is_broadcast: bool
    points: PointMap | None


class RuleBoxes:
    """Turns each rule of one conduit into its boxes."""

    def __init__(self, site: Site, conduit: Conduit) -> None:
        rules = conduit.rules
        self._clients = Axis.cut_by(_ALL_CLIENTS, (_client_intervals(rule.clients) for rule in rules))
        self._week = Axis.cut_by(_WEEK, (_week_intervals(rule) for rule in rules))
        self._roles = sorted({role for rule in rules for role in rule.roles or ()})
        self._parts = _function_parts(rules)
        self._classes = _classes(_units(site, conduit), rules)
        self._axes = {
            table: Axis.cut_by(
                _ALL_ADDRESSES,
                (_addresses(rule, table, points) for rule in rules for points in self._maps()),
            )
            for table in Table
        }

    def _maps(self) -> list[PointMap | None]:
        maps = {unit.points.name if unit.points else None: unit.points for unit, _ in self._classes}
        return list(maps.values())

    def of(self, rule: Rule, index: int) -> list[Box]:
        """Give the boxes of the rule at an index of the conduit; without any it holds for nothing."""
        shared = (self._clients.mask(_client_intervals(rule.clients)), self._role_mask(rule))
        week = self._week.mask(_week_intervals(rule))
        boxes = [
            (*shared, self._function_mask(rule, table), self._cells(rule, index, table), week)
            for table in (*Table, None)
        ]
        # One table's cells are not another's: the number of the table is a dimension too.
        marked = [(1 << number, *box) for number, box in enumerate(boxes)]
        return [box for box in marked if all(box)]

    def _role_mask(self, rule: Rule) -> int:
        if rule.roles is None:
            return (1 << (len(self._roles) + 1)) - 1
        return sum(1 << self._roles.index(role) for role in set(rule.roles))

    def _function_mask(self, rule: Rule, table: Table | None) -> int:
        mask = 0
        for bit, (function, name) in enumerate(self._parts):
            is_here = _TABLE_OF_CODE.get(function.function_code) == table
            if is_here and any(selector.covers(function, name) for selector in rule.functions):
                mask |= 1 << bit
        return mask

    def _cells(self, rule: Rule, index: int, table: Table | None) -> int:
        mask = 0
        masks = {
            points.name if points else None: self._address_mask(rule, table, points)
            for points in self._maps()
        }
        for number, (unit, members) in enumerate(self._classes):
            if members[index]:
                addresses, width = masks[unit.points.name if unit.points else None]
                mask |= addresses << (number * width)
        return mask

    def _address_mask(self, rule: Rule, table: Table | None, points: PointMap | None) -> tuple[int, int]:
        if table is None:
            # The guard holds no request without addresses against ranges.
            return 1, 1
        axis = self._axes[table]
        return axis.mask(_addresses(rule, table, points)), axis.width


def _client_intervals(clients: Sequence[Network] | None) -> list[Interval]:
    if clients is None:
        return [_ALL_CLIENTS]
    return [_client_interval(network) for network in clients]


def _client_interval(network: Network) -> Interval:
    base = _V6 if network.version == 6 else 0
    first = base + int(network.network_address)
    return first, first + network.num_addresses


def _week_intervals(rule: Rule) -> list[Interval]:
    if rule.when is None:
        return [_WEEK]
    return [interval for window in rule.when for interval in window.week_intervals()]


def _addresses(rule: Rule, table: Table, points: PointMap | None) -> list[Interval]:
    if rule.ranges is None and rule.points is None:
        return [_ALL_ADDRESSES]
    named = [
        points.points[name] for name in rule.points or () if points is not None and name in points.points
    ]
    spans = [*(rule.ranges or ()), *(span for point in named for span in point.spans)]
    return [(span.first, span.last + 1) for span in spans if span.table == table]


def _function_parts(rules: Iterable[Rule]) -> list[tuple[Function, str]]:
    """List what can be told apart: rows of the catalogue, halves of 23, sub-functions that rules name."""
    rows = list(function_catalogue())
    known = {(row.function_code, row.sub_function) for row in rows}
    rest = {row.function_code: row for row in rows if row.sub_function is None}
    rows += [
        replace(rest[selector.function_code], sub_function=selector.sub_function)
        for selector in sorted({s for rule in rules for s in rule.functions}, key=str)
        if _is_new(selector, known) and selector.function_code in rest
    ]
    return [(row, name) for row in rows for name in row.sets]


def _is_new(selector: FunctionSelector, known: set[tuple[int, int | None]]) -> bool:
    code, sub = selector.function_code, selector.sub_function
    return code is not None and sub is not None and (code, sub) not in known


def _units(site: Site, conduit: Conduit) -> list[_Unit]:
    units = []
    for binding in conduit.servers:
        behind = site.units_via(binding.asset)
        for asset in (site.assets[binding.asset], *behind):
            points = site.points_of(asset.name)
            units += [
                _Unit(asset.name, asset.via, unit_id, is_broadcast=False, points=points)
                for unit_id in asset.unit_ids
            ]
        if behind:
            units.append(_Unit(binding.asset, None, UnitId(0), is_broadcast=True, points=None))
    return units


def _classes(units: Iterable[_Unit], rules: Sequence[Rule]) -> list[tuple[_Unit, tuple[bool, ...]]]:
    """Join units that no rule tells apart, so that 200 equal servers cost as much as one."""
    classes: dict[tuple[object, tuple[bool, ...]], _Unit] = {}
    named = [None if rule.servers is None else frozenset(rule.servers) for rule in rules]
    for unit in units:
        members = tuple(_reaches(rule, names, unit) for rule, names in zip(rules, named, strict=True))
        classes.setdefault((unit.points.name if unit.points else None, members), unit)
    return [(unit, members) for (_, members), unit in classes.items()]


def _reaches(rule: Rule, servers: frozenset[AssetName] | None, unit: _Unit) -> bool:
    if servers is not None and unit.asset not in servers and unit.via not in servers:
        return False
    if rule.unit_ids is None:
        return not unit.is_broadcast
    return unit.unit_id in rule.unit_ids
