"""Errors of the PKI, each with its fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modwarden.errors import ModwardenError

if TYPE_CHECKING:
    from pathlib import Path


class PkiError(ModwardenError):
    """Says where, what, and how to mend it."""

    def __init__(self, where: str | Path, what: str, hint: str) -> None:
        super().__init__(f"{where}: {what}: {hint}")
        self.where = str(where)
        self.what = what
        self.hint = hint


class PkiInputError(PkiError):
    """The operator's words or files are wrong."""

    exit_code = 2


class PkiStoreError(PkiError):
    """The PKI's folder is locked, damaged or lacks a part."""

    exit_code = 3
