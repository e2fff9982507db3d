"""Nouns for the journal's verification: what was found, and what cannot be seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JournalFinding:
    """One place of the journal, and what is to be said of it."""

    what: str
    hint: str
    file: str | None
    first_sequence: int | None
    last_sequence: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """
    The outcome for one directory; `raw` keeps all the core said.

    Findings break the record; notices are what the record itself explains: unclean stops,
    failed disks, retention.
    """

    is_sound: bool
    findings: tuple[JournalFinding, ...]
    notices: tuple[JournalFinding, ...]
    limits: tuple[str, ...]
    raw: dict[str, Any]


def parse_verification(text: bytes) -> Verification:
    """
    Read the core's answer.

    Raises:
        KeyError: the core answers in another shape; a field that is missing is never "sound".
    """
    return verification_of(json.loads(text))


def verification_of(raw: dict[str, Any]) -> Verification:
    """
    Read an answer in the core's shape.

    Raises:
        KeyError: as in `parse_verification`.
    """
    return Verification(
        is_sound=raw["ok"] is True and not raw["findings"],
        findings=tuple(_finding(item) for item in raw["findings"]),
        notices=tuple(_finding(item) for item in raw["notices"]),
        limits=tuple(raw["limits"]),
        raw=raw,
    )


def _finding(item: dict[str, Any]) -> JournalFinding:
    return JournalFinding(
        what=item["what"],
        hint=item["hint"],
        file=item["file"],
        first_sequence=item["first_sequence"],
        last_sequence=item["last_sequence"],
    )
