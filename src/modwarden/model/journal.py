"""What the site file says about the journal: where it lives and how long it stays."""

from dataclasses import dataclass, field
from pathlib import Path

from modwarden.model.conduit import Socket
from modwarden.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Syslog:
    """The second sink, for essential traffic while the journal fails: RFC 5424 over UDP (RFC 5426)."""

    server: Socket


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Where the journal and its keys live, and what is kept; `None` keeps all."""

    directory: Path
    keys: Path
    keep_age_ms: int | None = None
    keep_bytes: int | None = None
    deadline_ms: int = 200
    commit_interval_ms: int = 200
    syslog: Syslog | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)
