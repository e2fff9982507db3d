"""A copy of part of the record for someone else: rows, policies, public keys, and a manifest of digests.

Kept true here: a span of the record, as Parquet, is widened to the signed rows around it, so that
its chain can be computed anew from the export alone; what is anything else says that it proves nothing.
"""

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
EVENTS = "events"
PUBLIC_KEYS = "keys.json"
# The journal signs each row of its own, and no other.
_SIGNED = ("journal.*",)
_NEAR_ROWS = 100_000
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
    not_provable: str | None


def export(
    journal: JournalDirectory, wanted: Filter, folder: Path, form: ExportForm = ExportForm.PARQUET
) -> Exported:
    """
    Write the rows that match, what they rest on, and a manifest into a new folder.

    A span of time as Parquet is taken from checkpoint to checkpoint, so that `verify` can prove it.

    Raises:
        QueryError: the folder exists and is not empty.
        JournalReadError: the journal cannot be read, or the copy not written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise QueryError(f"{folder}: exists and is not an empty folder")
    why_not = _why_not_provable(wanted, form)
    taken = wanted if why_not else _from_checkpoint_to_checkpoint(journal, wanted)
    rows = query(journal, taken, columns=JOURNAL_SCHEMA.names)
    if not why_not and not rows.num_rows:
        why_not = "no record is in this span"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [
            _write_rows(rows, folder, form, PointBook(journal.policies)),
            *_copy_context(journal, folder),
        ]
        _write_manifest(folder, written, _told(wanted, rows, why_not))
    except OSError as error:
        raise JournalReadError(f"{folder}: {error}") from error
    files = (*(str(path.relative_to(folder)) for path in written), MANIFEST)
    return Exported(folder, rows.num_rows, files, why_not)


def _why_not_provable(wanted: Filter, form: ExportForm) -> str | None:
    if not wanted.is_span:
        return "a selection of rows leaves out rows of the chain; a span of time alone can be proved"
    if form is not ExportForm.PARQUET:
        return f"{form} does not keep all that the chain covers; --form parquet does"
    return None


def _from_checkpoint_to_checkpoint(journal: JournalDirectory, wanted: Filter) -> Filter:
    """Widen a span to the signed row at or before it and the one at or behind it, where there are such."""
    found = query(journal, wanted, columns=["sequence"])["sequence"]
    if not len(found):
        return wanted
    first, last = found[0].as_py(), found[-1].as_py()
    before = query(journal, Filter(up_to=first, kinds=_SIGNED), last=1, columns=["sequence"])["sequence"]
    begin = before[0].as_py() if len(before) else first
    return Filter(after=begin - 1, up_to=_next_signed(journal, last))


def _next_signed(journal: JournalDirectory, sequence: int) -> int:
    """Find the first signed row from a sequence on; the sequence itself where none is."""
    # Nearly always one is near; only then the whole rest is looked through.
    for up_to in (sequence + _NEAR_ROWS, None):
        wanted = Filter(after=sequence - 1, up_to=up_to, kinds=_SIGNED)
        signed = query(journal, wanted, columns=["sequence"])["sequence"]
        if len(signed):
            return int(signed[0].as_py())
    return sequence


def _write_rows(rows: pa.Table, folder: Path, form: ExportForm, book: PointBook) -> Path:
    path = folder / f"{EVENTS}.{form}"
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


def _told(wanted: Filter, rows: pa.Table, why_not: str | None) -> dict[str, Any]:
    sequences = rows["sequence"]
    return {
        "rows": rows.num_rows,
        "first_sequence": sequences[0].as_py() if rows.num_rows else None,
        "last_sequence": sequences[-1].as_py() if rows.num_rows else None,
        "since": None if wanted.since_ns is None else render_time(wanted.since_ns),
        "until": None if wanted.until_ns is None else render_time(wanted.until_ns),
        "not_provable": why_not,
    }


def _write_manifest(folder: Path, written: list[Path], told: dict[str, Any]) -> None:
    files = [
        {
            "path": str(path.relative_to(folder)),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in written
    ]
    text = json.dumps({**told, "files": files}, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Compute the digest of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
