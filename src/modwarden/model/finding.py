"""A finding: something a check, lint or detector wants a person to know."""

from dataclasses import dataclass
from enum import StrEnum

from modwarden.model.origin import Origin


class Severity(StrEnum):
    """How bad it is if the finding is true."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Confidence(StrEnum):
    """How sure the finder is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on: where it stands, and what stands there."""

    origin: Origin
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `name` is the kebab-case name of the check that found it."""

    name: str
    severity: Severity
    message: str
    hint: str
    origin: Origin
    confidence: Confidence = Confidence.CERTAIN
    evidence: tuple[Evidence, ...] = ()

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}: {self.hint}"
