"""Prove an export by itself: its chain where it holds one, and its files against its manifest."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from modwarden.audit.errors import JournalReadError
from modwarden.audit.export import MANIFEST, sha256_of
from modwarden.guard import Verification, verification_of, verify_export

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def is_export(folder: Path) -> bool:
    """
    Whether a folder is an export, and nothing else.

    A manifest laid into a journal does not make an excerpt of it: who can write there could
    hide all other files behind one.
    """
    return has_manifest(folder) and not any(map(_is_of_a_journal, folder.iterdir()))


def has_manifest(folder: Path) -> bool:
    """Whether a folder holds the manifest of an export."""
    return (folder / MANIFEST).is_file()


def misplaced_manifest() -> dict[str, Any]:
    """Say that a journal holds a manifest, which none has."""
    return _finding(
        MANIFEST, "a journal has no manifest: somebody laid it there", "look who can write to the journal"
    )


def _is_of_a_journal(path: Path) -> bool:
    is_sealed = path.suffix == ".parquet" and path.stem.replace("-", "").isdigit()
    return is_sealed or path.suffix in {".arrows", ".torn"} or path.name == "lock"


def verify_exported(
    folder: Path, *, first_public_key: str | None = None, checkpoint: str | None = None
) -> Verification:
    """
    Check an export from no more than the first public key.

    An export that holds no chain is never sound: nothing in it can be proved.

    Raises:
        JournalReadError: the manifest cannot be read.
        CoreError, OSError: the rows cannot be.
    """
    manifest = _manifest(folder)
    raw = _unprovable(manifest)
    if manifest["not_provable"] is None:
        raw = verify_export(folder, first_public_key=first_public_key, checkpoint=checkpoint).raw
    raw["findings"] += [*_altered_files(folder, manifest), *_other_rows(manifest, raw)]
    raw["ok"] = not raw["findings"]
    return verification_of(raw)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        _ = [(PurePath(entry["path"]), entry["sha256"]) for entry in manifest["files"]]
        _ = manifest["not_provable"], manifest["first_sequence"], manifest["last_sequence"], manifest["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JournalReadError(f"{path}: not the manifest of an export: {error!r}") from error
    return manifest


def _unprovable(manifest: dict[str, Any]) -> dict[str, Any]:
    finding = _finding(
        MANIFEST,
        f"nothing here can be proved: {manifest['not_provable']}",
        "look its rows up in the journal, or in an export of their whole span",
    )
    counted = {"rows": manifest["rows"], "unproven_rows": manifest["rows"], "segments": 0, "checkpoints": 0}
    return {"ok": False, "findings": [finding], "notices": [], "limits": [], **counted}


def _altered_files(folder: Path, manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in manifest["files"]:
        path = folder / entry["path"]
        hint = "ask for the export anew"
        if not path.resolve().is_relative_to(folder.resolve()):
            yield _finding(MANIFEST, f"{entry['path']} is no file of this export", hint)
        elif not path.is_file():
            yield _finding(entry["path"], "the file is missing", hint)
        elif sha256_of(path) != entry["sha256"]:
            yield _finding(entry["path"], "the file is not the one that was exported", hint)


def _other_rows(manifest: dict[str, Any], raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chain alone cannot tell that a whole stretch at either end was cut off: the manifest can."""
    if manifest["not_provable"] is not None:
        return
    told = [manifest[name] for name in ("rows", "first_sequence", "last_sequence")]
    found = [raw[name] for name in ("rows", "first_sequence", "last_sequence")]
    if told != found:
        what = f"says {told[0]} rows, {told[1]} to {told[2]}; there are {found[0]}, {found[1]} to {found[2]}"
        yield _finding(MANIFEST, what, "rows were cut off or added at an end")


def _finding(file: str, what: str, hint: str) -> dict[str, Any]:
    nowhere = {"first_sequence": None, "last_sequence": None}
    return {"severity": "error", "file": file, "what": what, "hint": hint, **nowhere}
