"""Open a PKI to change it: alone, and with what a killed command left put right."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modwarden.pki._files import remove_staged
from modwarden.pki._lock import locked
from modwarden.pki.crl import write_bundle
from modwarden.pki.errors import PkiStoreError
from modwarden.pki.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def changing(path: Path) -> Iterator[Store]:
    """
    Hold a PKI for one command.

    Raises:
        PkiInputError: there is none.
        PkiStoreError: another command works there.
    """
    store = Store(path)
    store.root()
    with locked(path):
        for lineage in store.lineages():
            lineage.settle()
        for folder in (store.path / "requests").glob("*"):
            remove_staged(folder)
        # A CRL that is gone holds up those who sign it, and no one else; `list` tells.
        with suppress(PkiStoreError):
            write_bundle(store)
        yield store
