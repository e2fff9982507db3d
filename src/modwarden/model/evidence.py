"""
Evidence files: what one look at the plant saw, for the proof's assumptions and for an auditor.

`drift` and `probe` write them, `check` reads them. A finding's own evidence (`Evidence`) is where it stands;
this is a file that outlives the command.

Kept true here:
* a claim names the assumption that it bears out and the digest of what the site file had for it, so that it
  counts for nothing once that has changed;
* a file that was changed after it was written is refused: its digest covers every word of it. That keeps
  mistakes out, not forgers: whoever can write the file can write its digest.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from modwarden.errors import ModwardenError
from modwarden.model.origin import Origin

_FORM = 1
_KEYS = {"modwarden_evidence", "kind", "site", "place", "made_at", "claims", "findings", "unseen", "inputs"}


class EvidenceError(ModwardenError):
    """An evidence file cannot be read: `file:line: what: hint`."""

    exit_code: ClassVar[int] = 2

    def __init__(self, origin: Origin, what: str) -> None:
        hint = "make it anew, and do not edit it"
        super().__init__(f"{origin}: {what}: {hint}")
        self.origin = origin
        self.what = what
        self.hint = hint


class Strength(StrEnum):
    """How far a claim bears out an assumption."""

    VERIFIED = "verified"
    """All that the assumption says was looked at, and is so."""
    SUPPORTED = "supported"
    """Part of it was tried, and nothing spoke against it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One assumption borne out; `basis` is the digest of what the site file had for it."""

    assumption: str
    basis: str
    strength: Strength = Strength.VERIFIED
    words: str = ""
    """What was counted, where there is more to say: `12 of 12 as proven`."""


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """What one run saw; with a finding in it, it bears out nothing."""

    kind: str
    """The command that made it: `drift`, `probe`."""
    site: str
    place: str
    """The asset or zone where it was made."""
    made_at: datetime
    claims: tuple[Claim, ...] = ()
    findings: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    """What could not be looked at, in words."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The digest of each thing that was looked at, by its name."""


def digest_of(content: bytes) -> str:
    """Give the digest by which evidence names bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def render_evidence(evidence: EvidenceFile) -> str:
    """Write it as JSON; the same evidence gives the same bytes."""
    body: dict[str, Any] = {
        "modwarden_evidence": _FORM,
        "kind": evidence.kind,
        "site": evidence.site,
        "place": evidence.place,
        "made_at": evidence.made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "claims": [
            {"assumption": one.assumption, "basis": one.basis, "strength": one.strength, "words": one.words}
            for one in evidence.claims
        ],
        "findings": list(evidence.findings),
        "unseen": list(evidence.unseen),
        "inputs": dict(sorted(evidence.inputs.items())),
    }
    return json.dumps(body | {"digest": _digest(body)}, indent=2, ensure_ascii=False) + "\n"


def parse_evidence(text: str, file: str) -> EvidenceFile:
    """
    Read an evidence file.

    Raises:
        EvidenceError: it is none, or not as it was written.
    """
    origin = Origin(file, 1)
    try:
        body: dict[str, Any] = json.loads(text)
        said = body.pop("digest")
        if body["modwarden_evidence"] != _FORM:
            raise EvidenceError(origin, f"evidence of form {body['modwarden_evidence']!r} is not known here")
        if set(body) != _KEYS:
            raise EvidenceError(origin, f"the keys {', '.join(sorted(set(body) ^ _KEYS))} do not belong here")
        if said != _digest(body):
            raise EvidenceError(origin, "this was changed after it was written: its digest does not fit")
        return _evidence(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvidenceError(origin, "this is no evidence file") from error


def _evidence(body: Mapping[str, Any]) -> EvidenceFile:
    made_at = datetime.fromisoformat(body["made_at"])
    if made_at.tzinfo is None:
        raise ValueError(body["made_at"])
    claims = tuple(
        Claim(str(one["assumption"]), str(one["basis"]), Strength(one["strength"]), str(one["words"]))
        for one in body["claims"]
    )
    return EvidenceFile(
        str(body["kind"]),
        str(body["site"]),
        str(body["place"]),
        made_at,
        claims,
        tuple(str(one) for one in body["findings"]),
        tuple(str(one) for one in body["unseen"]),
        {str(name): str(digest) for name, digest in body["inputs"].items()},
    )


def _digest(body: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
