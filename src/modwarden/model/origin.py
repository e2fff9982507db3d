"""Where in the operator's files a noun was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """A file and line, with the lines of the keys below it."""

    file: str
    line: int
    keys: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def at(self, key: str) -> "Origin":
        """Say where `key` stands; where it is not written, where its owner does."""
        return Origin(self.file, self.keys.get(key, self.line))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
