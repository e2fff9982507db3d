"""A filter as SQL: every value a parameter, none of it text in the statement."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from modwarden.audit._words import check_words, listed, nearest
from modwarden.audit.errors import QueryError
from modwarden.audit.filter import Filter
from modwarden.audit.points import PointBook
from modwarden.audit.spans import READ_TABLES, READ_WRITE, WRITE_TABLES
from modwarden.model.function_set import (
    FunctionSelector,
    FunctionSelectorError,
    function_catalogue,
    function_sets,
    parse_function,
)
from modwarden.model.table import Span


@dataclass(slots=True)
class Where:
    """Conditions that must all hold, and their parameters."""

    conditions: list[str] = field(default_factory=list)
    parameters: list[object] = field(default_factory=list)

    @classmethod
    def of(cls, wanted: Filter, book: PointBook) -> Self:
        """
        Say a filter in SQL.

        Raises:
            QueryError: a word of it is no kind, verdict, function or point.
        """
        check_words(wanted)
        where = cls()
        where._add_cursor(wanted)
        where._add_times(wanted)
        where._add_names(("conduit",), wanted.conduits)
        where._add_names(("client", "client_address"), wanted.clients)
        where._add_names(("server", "server_address"), wanted.servers)
        where._add_names(("kind",), wanted.kinds)
        where._add_names(("verdict",), wanted.verdicts)
        where._add_either(_function(word) for word in wanted.functions)
        where._add_either(_points(wanted.points, book) if wanted.points else ())
        return where

    @property
    def text(self) -> str:
        """The condition after WHERE."""
        return " AND ".join(self.conditions) or "true"

    def _add(self, condition: str, *parameters: object) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    def _add_cursor(self, wanted: Filter) -> None:
        if wanted.after:
            self._add("sequence > ?::UBIGINT", wanted.after)
        if wanted.up_to is not None:
            self._add("sequence <= ?::UBIGINT", wanted.up_to)
        if wanted.sequence is not None:
            self._add("sequence = ?::UBIGINT", wanted.sequence)

    def _add_times(self, wanted: Filter) -> None:
        # Compared in the column's own type, so that the files' statistics skip row groups.
        moment = "make_timestamp_ns(?::BIGINT)::TIMESTAMPTZ_NS"
        if wanted.since_ns is not None:
            self._add(f"time >= {moment}", wanted.since_ns)
        if wanted.until_ns is not None:
            self._add(f"time < {moment}", wanted.until_ns)

    def _add_names(self, columns: Sequence[str], patterns: Iterable[str]) -> None:
        self._add_either(_name(columns, pattern) for pattern in patterns)

    def _add_either(self, parts: Iterable[tuple[str, list[object]]]) -> None:
        found = list(parts)
        if found:
            joined = " OR ".join(text for text, _ in found)
            self._add(f"({joined})", *(value for _, values in found for value in values))


def _name(columns: Sequence[str], pattern: str) -> tuple[str, list[object]]:
    if "*" not in pattern:
        return " OR ".join(f"{column} = ?" for column in columns), [pattern] * len(columns)
    like = pattern.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("*", "%")
    return " OR ".join(f"{column} LIKE ? ESCAPE '!'" for column in columns), [like] * len(columns)


def _function(word: str) -> tuple[str, list[object]]:
    try:
        selector = parse_function(word)
    except FunctionSelectorError as error:
        sets = function_sets()
        meant = nearest(word, sets)
        raise QueryError(f"{error}{meant}; a code such as 16 or 8/4, or a set: {', '.join(sets)}") from error
    if selector.function_code is not None:
        return _code(selector.function_code, selector.sub_function)
    parts = [_code(*code) for code in dict.fromkeys(_codes_of(selector))]
    return " OR ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def _codes_of(selector: FunctionSelector) -> Iterator[tuple[int, int | None]]:
    for function in function_catalogue():
        if any(selector.covers(function, name) for name in function.sets):
            yield function.function_code, function.sub_function


def _code(code: int, sub_function: int | None) -> tuple[str, list[object]]:
    if sub_function is None:
        return "function_code = ?", [code]
    return "(function_code = ? AND sub_function = ?)", [code, sub_function]


def _points(names: Sequence[str], book: PointBook) -> Iterator[tuple[str, list[object]]]:
    """Say where the points live, unit by unit; units of one map share a condition."""
    places: dict[tuple[tuple[int, ...], Span], set[str]] = {}
    known: set[str] = set()
    for unit in book.every_unit():
        for point in unit.points.points.values() if unit.points else ():
            known.add(point.name)
            if point.name in names:
                for span in point.spans:
                    places.setdefault((tuple(sorted(unit.unit_ids)), span), set()).update(unit.names)
    for name in names:
        if name not in known:
            meant = nearest(name, known)
            raise QueryError(
                f"no policy of this journal knows a point {name!r}{meant}; they know {listed(known)}"
            )
    for (unit_ids, span), servers in places.items():
        yield _place(sorted(servers), unit_ids, span)


def _place(servers: list[str], unit_ids: tuple[int, ...], span: Span) -> tuple[str, list[object]]:
    reading = [code for code, table in READ_TABLES.items() if table == span.table]
    writing = [code for code, table in WRITE_TABLES.items() if table == span.table and code != READ_WRITE]
    both = [READ_WRITE] if READ_WRITE in reading else []
    text = (
        "(list_contains(?, server) AND list_contains(?, unit_id::INTEGER) AND ("
        "(list_contains(?, function_code::INTEGER) AND address <= ? AND address::INTEGER + quantity > ?) OR "
        "(list_contains(?, function_code::INTEGER) AND write_address <= ? "
        "AND write_address::INTEGER + write_quantity > ?)))"
    )
    place: list[object] = [span.last, span.first]
    return text, [servers, list(unit_ids), [*reading, *writing], *place, both, *place]
