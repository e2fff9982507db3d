"""Each filter finds its rows, and only those."""

from typing import Any

import pyarrow as pa
import pytest

from modwarden.audit import Filter, JournalDirectory, QueryError, query, record

T0 = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def journal(written: Any) -> JournalDirectory:
    written.seal(
        [
            {"sequence": 1},
            {"sequence": 2, "client": "scada", "client_address": "10.20.0.5", "server": "ahu-002"},
            {"sequence": 3, "function_code": 16, "verdict": "deny", "kind": "request.denied"},
            {"sequence": 4, "function_code": 6, "address": 99, "quantity": 1},
        ]
    )
    written.grow(
        [
            {"sequence": 5, "function_code": 5, "address": 0, "quantity": 1},
            {"sequence": 6, "function_code": 8, "sub_function": 4, "address": None, "quantity": None},
            {"sequence": 7, "function_code": 23, "address": 0, "write_address": 101, "write_quantity": 1},
            {"sequence": 8, "server": "gw-1", "unit_id": 7},
            {"sequence": 9, "function_code": None, "kind": "journal.checkpoint", "client": None},
        ]
    )
    return JournalDirectory(written.path)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"verdicts": ["deny"]}, [3]),
        ({"kinds": ["request.denied"]}, [3]),
        ({"kinds": ["journal.*"]}, [9]),
        ({"clients": ["scada"]}, [2]),
        ({"clients": ["10.20.*"]}, [2]),
        ({"servers": ["ahu_002"]}, []),
        ({"servers": ["ahu-*"], "functions": ["16"]}, [3]),
        ({"servers": ["gw-1", "ahu-002"]}, [2, 8]),
        ({"functions": ["write"]}, [3, 4, 5, 7]),
        ({"functions": ["8/4"]}, [6]),
        ({"functions": ["diagnostics"]}, [6]),
        ({"points": ["temperature_setpoint"]}, [1, 2, 3, 7]),
        ({"points": ["fan_enable"]}, [5]),
        ({"since_ns": T0 + 3 * SECOND, "until_ns": T0 + 5 * SECOND}, [3, 4]),
        ({"after": 7}, [8, 9]),
        ({"up_to": 2}, [1, 2]),
    ],
)
def test_a_filter_finds_its_rows_in_sealed_and_live_files(
    journal: JournalDirectory, wanted: dict[str, Any], expected: list[int]
) -> None:
    actual = query(journal, Filter(**wanted))["sequence"].to_pylist()

    assert expected == actual


def test_a_name_cannot_smuggle_a_statement_in(journal: JournalDirectory) -> None:
    assert query(journal, Filter(clients=["x' OR '1'='1"])).num_rows == 0


def test_a_percent_sign_is_no_wildcard(journal: JournalDirectory) -> None:
    assert query(journal, Filter(clients=["%*"])).num_rows == 0


@pytest.mark.parametrize("wanted", [Filter(functions=["fly"]), Filter(points=["nowhere"])])
def test_a_filter_that_names_nothing_is_the_operators_error(
    journal: JournalDirectory, wanted: Filter
) -> None:
    with pytest.raises(QueryError) as raised:
        query(journal, wanted)

    assert raised.value.exit_code == 2


def test_last_gives_the_newest_rows_in_ascending_order(journal: JournalDirectory) -> None:
    assert query(journal, Filter(), last=2)["sequence"].to_pylist() == [8, 9]


def test_the_newest_rows_of_nothing_are_none(journal: JournalDirectory) -> None:
    assert query(journal, Filter(verdicts=["deny"], kinds=["request.observed"]), last=2).num_rows == 0


def test_a_record_is_found_by_its_sequence(journal: JournalDirectory) -> None:
    assert record(journal, 6)["sub_function"] == 4


def test_a_sequence_that_is_not_there_is_said(journal: JournalDirectory) -> None:
    with pytest.raises(QueryError, match="no record has sequence 99"):
        record(journal, 99)


def test_a_column_smuggled_into_a_live_file_is_not_taken_for_the_real_one(written: Any) -> None:
    rows = written.table([{"sequence": 1}])
    forged = rows.add_column(0, "CLIENT_ADDRESS", pa.array(["6.6.6.6"]))
    with (
        (written.path / f"{1:020}.arrows").open("wb") as file,
        pa.ipc.new_stream(file, forged.schema) as stream,
    ):
        stream.write_table(forged)

    journal = JournalDirectory(written.path)

    assert query(journal, Filter(clients=["6.6.6.6"])).num_rows == 0
    assert query(journal, Filter())["client_address"].to_pylist() == ["10.10.0.5"]
