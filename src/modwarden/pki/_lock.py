"""One command at a time changes a PKI."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modwarden.pki.errors import PkiStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """
    Hold the lock on a folder; the kernel lets go of it when the process ends, however it ends.

    Raises:
        PkiStoreError: another command holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise PkiStoreError(folder, "another pki command works here", "let it end, and try again") from error
    finally:
        os.close(descriptor)
