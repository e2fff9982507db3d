"""Errors of reading the record, each with its fault."""

from __future__ import annotations

from modwarden.errors import ModwardenError


class JournalReadError(ModwardenError):
    """The journal cannot be read: the disk, or no journal there."""

    exit_code = 3


class QueryError(ModwardenError):
    """The question itself is wrong."""

    exit_code = 2
