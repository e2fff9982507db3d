"""A rule set that cannot be read, or that says what the proof must not guess at."""

from typing import ClassVar

from modwarden.errors import ModwardenError
from modwarden.model import Origin


class RulesetError(ModwardenError):
    """A rule set is refused: `file:line: what: hint`."""

    exit_code: ClassVar[int] = 2

    def __init__(self, origin: Origin, what: str, hint: str) -> None:
        super().__init__(f"{origin}: {what}: {hint}")
        self.origin = origin
        self.what = what
        self.hint = hint
