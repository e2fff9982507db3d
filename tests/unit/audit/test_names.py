"""A mistyped word of a filter is said, not answered with silence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from modwarden.audit import Filter, JournalDirectory, QueryError, query, unknown_names
from modwarden.audit.schema import EVENT_KINDS, VERDICTS

KIND_RS = Path(__file__).parents[3] / "crates" / "event" / "src" / "kind.rs"
NAMES = {
    "point_maps": [],
    "assets": [{"name": "hmi-1", "addresses": ["10.10.0.5"]}, {"name": "scada", "addresses": []}],
    "servers": [{"name": "gw-1", "units": [{"asset": "flow-01", "unit_ids": [7]}]}],
    "conduits": [{"name": "hvac"}],
}


@pytest.fixture
def journal(written: Any, rows: Any) -> JournalDirectory:
    (written.path / "policies" / f"{'cd' * 32}.json").write_text(json.dumps(NAMES))
    (written.path / "policies" / f"{'ef' * 32}.json").write_text("[]")
    written.seal(rows(1, 2) + rows(3, 3, client=None, client_address="192.0.2.7"))
    return JournalDirectory(written.path)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Filter(kinds=("request.denyed",)), "is 'request.denied' meant.*there are request.permitted"),
        (Filter(kinds=("jurnal.*",)), "no row has the kind 'jurnal"),
        (Filter(verdicts=("denied",)), "no row has the verdict 'denied'.*permit, deny"),
        (Filter(functions=("wirte",)), "is 'write' meant.*a set: .*read"),
        (Filter(points=("temperature_setpont",)), "is 'temperature_setpoint' meant.*fan_enable"),
        (Filter(points=("fan_enable", "fan")), "knows a point 'fan'"),
    ],
)
def test_a_word_that_no_row_can_have_is_the_operators_mistake(
    journal: JournalDirectory, wanted: Filter, said: str
) -> None:
    with pytest.raises(QueryError, match=said) as raised:
        query(journal, wanted)

    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Filter(clients=("hmi-x",)), ["no row names client 'hmi-x': is 'hmi-1' meant?; the journal knows"]),
        (
            Filter(conduits=("hvak",)),
            ["no row names conduit 'hvak': is 'hvac' meant?; the journal knows hvac"],
        ),
        (Filter(servers=("flow-9*", "10.99.0.1")), ["no row names server 'flow-9*'", "no row names server"]),
        (Filter(clients=("hmi-?",)), ["no row names client 'hmi-?'"]),
    ],
)
def test_a_name_that_nobody_has_is_said(journal: JournalDirectory, wanted: Filter, said: list[str]) -> None:
    lines = list(unknown_names(journal, wanted))

    assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        # By policy, without any row.
        Filter(clients=("scada", "10.10.0.5", "sca*"), servers=("gw-1", "flow-01"), conduits=("h*",)),
        # By its rows, in no policy.
        Filter(clients=("192.0.2.7",)),
    ],
)
def test_what_a_policy_or_a_row_names_is_not_doubted(journal: JournalDirectory, wanted: Filter) -> None:
    assert list(unknown_names(journal, wanted)) == []


def test_a_journal_without_policies_says_that_it_knows_no_names(tmp_path: Path) -> None:
    lines = list(unknown_names(JournalDirectory(tmp_path), Filter(clients=("hmi-1",))))

    assert lines == ["no row names client 'hmi-1'; the journal knows no names: it keeps no policy"]


def test_rows_are_found_by_their_conduit(written: Any, rows: Any) -> None:
    written.seal(rows(1, 2) + rows(3, 3, conduit="water"))

    assert query(JournalDirectory(written.path), Filter(conduits=("wa*",)))["sequence"].to_pylist() == [3]


def test_the_kinds_are_those_that_the_guard_writes() -> None:
    named = re.findall(r'^    \w+ = "([a-z_.]+)",$', KIND_RS.read_text(), re.MULTILINE)

    assert list(EVENT_KINDS) == named
    assert VERDICTS == ("permit", "deny")
