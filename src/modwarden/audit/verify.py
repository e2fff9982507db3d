"""Prove that a journal is what was written, or say where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modwarden.audit.errors import JournalReadError
from modwarden.audit.verify_export import has_manifest, is_export, misplaced_manifest, verify_exported
from modwarden.guard import CoreError, JournalFinding, Verification, verification_of, verify_journal


@dataclass(frozen=True, slots=True)
class Proof:
    """What someone brings from outside the journal, so that it need not vouch for itself."""

    first_public_key: str | None = None
    checkpoint: str | None = None


def verify(directory: Path, proof: Proof) -> Verification:
    """
    Check every row, link and signature of a journal, or of an export of one.

    Raises:
        JournalReadError: it cannot be read at all.
    """
    if not directory.is_dir():
        raise JournalReadError(f"{directory}: no journal directory")
    check = verify_exported if is_export(directory) else _verify_journal
    try:
        return check(directory, first_public_key=proof.first_public_key, checkpoint=proof.checkpoint)
    except (CoreError, OSError) as error:
        raise JournalReadError(f"{directory}: {error}") from error


def _verify_journal(
    directory: Path, *, first_public_key: str | None = None, checkpoint: str | None = None
) -> Verification:
    verification = verify_journal(directory, first_public_key=first_public_key, checkpoint=checkpoint)
    if not has_manifest(directory):
        return verification
    raw = verification.raw
    return verification_of(raw | {"ok": False, "findings": [*raw["findings"], misplaced_manifest()]})


def render_finding(finding: JournalFinding) -> str:
    """Say what was found, in which file, between which sequences, and what to do."""
    place = finding.file or "journal"
    if finding.first_sequence is not None:
        last = "the end" if finding.last_sequence is None else finding.last_sequence
        place = f"{place}: sequences {finding.first_sequence} to {last}"
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{place}: {finding.what}{hint}"


def render_proof(verification: Verification) -> Iterator[str]:
    """Say the outcome, how much was checked, and what no verification can see."""
    raw = verification.raw
    counted = f"{raw['rows']:,} rows, {raw['segments']:,} segments, {raw['checkpoints']:,} signed checkpoints"
    outcome = "sound" if verification.is_sound else f"NOT sound: findings: {len(verification.findings)}"
    yield f"{outcome} ({counted}; rows not yet proven: {raw['unproven_rows']:,})"
    for limit in verification.limits:
        yield f"cannot be seen: {limit}"
