"""The record, read: query, tail, verify and export of a journal."""

from modwarden.audit._damage import Unreadable
from modwarden.audit.errors import JournalReadError, QueryError
from modwarden.audit.export import Exported, ExportForm, export
from modwarden.audit.filter import Filter
from modwarden.audit.names import unknown_names
from modwarden.audit.points import PointBook
from modwarden.audit.query import query, record
from modwarden.audit.read import JournalDirectory
from modwarden.audit.spans import READ_TABLES, WRITE_TABLES
from modwarden.audit.tail import Tail
from modwarden.audit.times import parse_time, render_time
from modwarden.audit.verify import Proof, render_finding, render_proof, verify

__all__ = [
    "READ_TABLES",
    "WRITE_TABLES",
    "ExportForm",
    "Exported",
    "Filter",
    "JournalDirectory",
    "JournalReadError",
    "PointBook",
    "Proof",
    "QueryError",
    "Tail",
    "Unreadable",
    "export",
    "parse_time",
    "query",
    "record",
    "render_finding",
    "render_proof",
    "render_time",
    "unknown_names",
    "verify",
]
