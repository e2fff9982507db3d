"""A journal on disk, written with the real formats, for the rooms that read it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modwarden.audit.schema import JOURNAL_SCHEMA

T0 = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
POLICY = "ab" * 32

DOCUMENT = {
    "point_maps": [
        {
            "name": "ahu",
            "points": [
                {
                    "name": "temperature_setpoint",
                    "table": "holding_register",
                    "address": 100,
                    "type": "float32",
                    "engineering_unit": "degC",
                },
                {"name": "fan_enable", "table": "coil", "address": 0, "type": "bit"},
            ],
        }
    ],
    "servers": [
        {"name": "ahu-001", "units": [{"asset": "ahu-001", "unit_ids": [1], "point_map": 0}]},
        {"name": "ahu-002", "units": [{"asset": "ahu-002", "unit_ids": [1], "point_map": 0}]},
        {"name": "gw-1", "units": [{"asset": "flow-01", "unit_ids": [7]}]},
    ],
}


@dataclass
class WrittenJournal:
    """Writes rows as the guard's journal does: live streams, then sealed files."""

    path: Path

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        return pa.Table.from_pylist([row_of(**row) for row in rows], schema=JOURNAL_SCHEMA)

    def seal(self, rows: list[dict[str, Any]]) -> Path:
        first, last = rows[0]["sequence"], rows[-1]["sequence"]
        path = self.path / f"{first:020}-{last:020}.parquet"
        pq.write_table(self.table(rows), path, compression="zstd")
        return path

    def grow(self, *batches: list[dict[str, Any]]) -> Path:
        path = self.path / f"{batches[0][0]['sequence']:020}.arrows"
        with path.open("wb") as file, pa.ipc.new_stream(file, JOURNAL_SCHEMA) as stream:
            for rows in batches:
                stream.write_table(self.table(rows))
        return path


def row_of(**fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(JOURNAL_SCHEMA.names)
    row |= {
        "time": T0 + fields["sequence"] * SECOND,
        "clock": True,
        "kind": "request.permitted",
        "guard": "gate-1",
        "conduit": "hvac",
        "client": "hmi-1",
        "client_address": "10.10.0.5",
        "server": "ahu-001",
        "unit_id": 1,
        "function_code": 3,
        "address": 100,
        "quantity": 2,
        "verdict": "permit",
        "rule": "hmi-reads",
        "policy": POLICY,
    }
    return row | fields


@pytest.fixture(autouse=True)
def _nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modwarden.audit.read.WRITE_PATIENCE_S", 0.0)
    monkeypatch.setattr("modwarden.audit.tail.WRITE_PATIENCE_S", 0.0)


@pytest.fixture
def written(tmp_path: Path) -> WrittenJournal:
    path = tmp_path / "journal"
    (path / "policies").mkdir(parents=True)
    (path / "policies" / f"{POLICY}.json").write_text(json.dumps(DOCUMENT))
    return WrittenJournal(path)


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    def make(first: int, last: int, **fields: Any) -> list[dict[str, Any]]:
        return [{"sequence": sequence, **fields} for sequence in range(first, last + 1)]

    return make
