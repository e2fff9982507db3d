"""What the rows of a query must be."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Filter:
    """What the rows must be; empty means any, several values of one field mean either."""

    since_ns: int | None = None
    until_ns: int | None = None
    after: int = 0
    up_to: int | None = None
    sequence: int | None = None
    conduits: Sequence[str] = field(default=())
    clients: Sequence[str] = field(default=())
    servers: Sequence[str] = field(default=())
    functions: Sequence[str] = field(default=())
    points: Sequence[str] = field(default=())
    verdicts: Sequence[str] = field(default=())
    kinds: Sequence[str] = field(default=())

    @property
    def is_span(self) -> bool:
        """Whether it takes every row of a time or of a stretch of sequences."""
        named = (self.conduits, self.clients, self.servers, self.functions, self.points)
        return not any((*named, self.verdicts, self.kinds))
