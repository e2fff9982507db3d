"""Files that are there whole or not at all, whenever the process is killed or the power goes.

Kept true here, and tested:
* what is written is synced before its name appears, and its folder after;
* a key is 0600 from its first byte on, in a folder that is 0700;
* a folder that holds something is never replaced.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = "key.pem"

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_PUBLIC_FILE = 0o644


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone; one that is there stays as it is."""
    if path.is_dir():
        return
    path.mkdir(_PRIVATE_FOLDER)
    sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Put a file in place of the one before, in one step."""
    staged = _staged(path)
    staged.unlink(missing_ok=True)
    _write_new(staged, data, _PUBLIC_FILE)
    staged.replace(path)
    sync_folder(path.parent)


def publish_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """
    Let a folder with all its files appear in one step.

    Raises:
        OSError: the disk fails, or something is there already.
    """
    with staged_folder(folder) as staged:
        for name, data in files.items():
            _write_new(staged / name, data, _PRIVATE_FILE if name == KEY else _PUBLIC_FILE)


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; at the end it takes its name, and on failure it goes."""
    staged = _staged(folder)
    remove(staged)
    staged.mkdir(_PRIVATE_FOLDER)
    try:
        yield staged
        sync_folder(staged)
        # Onto an empty folder this works, onto one with anything in it never.
        staged.rename(folder)
    except BaseException:
        remove(staged)
        raise
    sync_folder(folder.parent)


def point_to(link: Path, target: str) -> None:
    """Let a symbolic link name another target in one step."""
    if link.is_symlink() and str(link.readlink()) == target:
        return
    staged = _staged(link)
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    staged.replace(link)
    sync_folder(link.parent)


def unpublish_folder(folder: Path) -> None:
    """Let a folder disappear in one step; none there is fine."""
    if folder.is_dir():
        remove(_staged(folder))
        folder.rename(_staged(folder))
        remove(_staged(folder))


def remove_staged(folder: Path) -> None:
    """Remove what a killed command had not published yet, or not removed yet."""
    for path in folder.glob(".*.new"):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, link or folder; none there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _staged(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor has no path)
        # The umask may have taken bits that a public file needs.
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
