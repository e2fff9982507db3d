"""
The demo's folder: what a run leaves behind, and what it may replace.

Kept true here:
* a folder without our marker is never touched;
* nothing of an earlier run is deleted: it moves to `previous/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modwarden.errors import ModwardenError

if TYPE_CHECKING:
    from pathlib import Path

_MARKER = ".modwarden-demo"


class ForeignFolderError(ModwardenError):
    """There is a folder of that name, and the demo did not make it."""

    exit_code = 2


@dataclass(frozen=True)
class Folder:
    """Paths of one run."""

    root: Path

    @property
    def site(self) -> Path:
        return self.root / "site.yaml"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def altered(self) -> Path:
        """Copy of the journal in which one byte is changed."""
        return self.root / "altered-journal"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def figures(self) -> Path:
        return self.root / "figures.json"

    def plot(self, ending: str) -> Path:
        return self.root / f"rooms.{ending}"

    def rooms(self, act: int) -> Path:
        return self.root / f"rooms-act-{act}.csv"


def prepare_folder(root: Path) -> Folder:
    """
    Make the folder, or clear ours of an earlier run.

    Raises:
        ForeignFolderError: somebody else's folder has that name.
    """
    marker = root / _MARKER
    if root.exists() and not marker.is_file() and (not root.is_dir() or any(root.iterdir())):
        raise ForeignFolderError(f"{root} exists and the demo did not make it: move it, or choose --folder")
    _set_aside(root)
    (root / "logs").mkdir(parents=True, exist_ok=True)
    marker.write_text("made by `modwarden demo`, which may replace what is in here\n", encoding="utf-8")
    return Folder(root)


def _set_aside(root: Path) -> None:
    """Move an earlier run out of the way; a journal is evidence, also a demo's."""
    if not root.is_dir():
        return
    earlier = [path for path in root.iterdir() if path.name not in (_MARKER, "previous")]
    if not earlier:
        return
    aside = root / "previous" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside.mkdir(parents=True)
    for path in earlier:
        path.rename(aside / path.name)
