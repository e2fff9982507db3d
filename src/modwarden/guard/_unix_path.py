"""Unix socket paths of any length: the kernel takes 107 bytes, a folder may be longer."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_BYTES = 107


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Yield a name of the socket that fits, through an open handle of its folder."""
    if len(os.fsencode(path)) <= LONGEST_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
