"""A copy of part of the record for someone else: rows, policies, public key, and a manifest of digests."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from modwarden.audit.errors import JournalReadError, QueryError
from modwarden.audit.filter import Filter
from modwarden.audit.output import write_csv, write_json_lines, write_parquet
from modwarden.audit.points import PointBook
from modwarden.audit.query import query
from modwarden.audit.read import JournalDirectory
from modwarden.audit.schema import JOURNAL_SCHEMA
from modwarden.audit.times import render_time

MANIFEST = "manifest.json"
PUBLIC_KEYS = "keys.json"
_CHUNK_BYTES = 1 << 20


class ExportForm(StrEnum):
    """How the rows are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    folder: Path
    rows: int
    files: tuple[str, ...]


def export(
    journal: JournalDirectory, wanted: Filter, folder: Path, form: ExportForm = ExportForm.PARQUET
) -> Exported:
    """
    Write the rows that match, what they rest on, and a manifest into a new folder.

    Parquet keeps the digest, signature and key columns, so each row can be
    compared with the journal's own.

    Raises:
        QueryError: the folder exists and is not empty.
        JournalReadError: the journal cannot be read, or the copy not written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise QueryError(f"{folder}: exists and is not an empty folder")
    rows = query(journal, wanted, columns=JOURNAL_SCHEMA.names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [
            _write_rows(rows, folder, form, PointBook(journal.policies)),
            *_copy_context(journal, folder),
        ]
        _write_manifest(folder, written, wanted, rows)
    except OSError as error:
        raise JournalReadError(f"{folder}: {error}") from error
    return Exported(folder, rows.num_rows, (*(str(path.relative_to(folder)) for path in written), MANIFEST))


def _write_rows(rows: pa.Table, folder: Path, form: ExportForm, book: PointBook) -> Path:
    path = folder / f"events.{form}"
    if form is ExportForm.PARQUET:
        write_parquet(path, rows)
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        (write_csv if form is ExportForm.CSV else write_json_lines)(file, rows, book)
    return path


def _copy_context(journal: JournalDirectory, folder: Path) -> list[Path]:
    """Copy what the rows rest on: the policies that decided them, and the public keys."""
    copied = []
    for source in (*sorted(journal.policies.glob("*.json")), *journal.path.glob(PUBLIC_KEYS)):
        target = folder / source.relative_to(journal.path)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        copied.append(target)
    return copied


def _write_manifest(folder: Path, written: list[Path], wanted: Filter, rows: pa.Table) -> None:
    sequences = rows["sequence"]
    manifest: dict[str, Any] = {
        "rows": rows.num_rows,
        "first_sequence": sequences[0].as_py() if rows.num_rows else None,
        "last_sequence": sequences[-1].as_py() if rows.num_rows else None,
        "since": None if wanted.since_ns is None else render_time(wanted.since_ns),
        "until": None if wanted.until_ns is None else render_time(wanted.until_ns),
        "files": [
            {
                "path": str(path.relative_to(folder)),
                "bytes": path.stat().st_size,
                "sha256": _sha256(path),
            }
            for path in written
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
