"""The typed Python face of the core: the one place that imports it.

Bytes of JSON cross to the core, nouns come back. Nothing here runs per request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modwarden import _core
from modwarden._core import CoreError, DocumentError
from modwarden.errors import ModwardenError
from modwarden.guard.explanation import Explanation, Question, parse_explanation
from modwarden.guard.verification import Verification, parse_verification

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CompiledPolicy",
    "CoreError",
    "DocumentError",
    "GuardCore",
    "UnanswerableError",
    "verify_export",
    "verify_journal",
]


class UnanswerableError(ModwardenError):
    """A question about what the policy does not know."""

    exit_code = 2


class CompiledPolicy:
    """One immutable policy, as the core reads it.

    Raises:
        DocumentError: the core does not accept the document.
    """

    def __init__(self, document: bytes) -> None:
        self._policy = _core.Policy(document)

    @property
    def digest(self) -> str:
        """SHA-256 of the document's text, the name under which records keep it."""
        return self._policy.digest

    def explain(self, question: Question) -> Explanation:
        """
        Say how this policy decides one request, and why, rule by rule.

        Raises:
            UnanswerableError: the question names what the policy does not know.
        """
        try:
            return parse_explanation(self._policy.explain(question.to_json()))
        except DocumentError as error:
            raise UnanswerableError(str(error)) from error


class GuardCore:
    """The running data plane: listeners, sessions and journal, in threads of their own."""

    def __init__(self, document: bytes, options: bytes) -> None:
        self._guard = _core.Guard.start(document, options)

    @property
    def opening(self) -> list[str]:
        """What the start has to say: torn bytes set aside, a new key, limits too low."""
        return self._guard.opening

    @property
    def digest(self) -> str:
        """The policy in force."""
        return self._guard.digest

    @property
    def is_alive(self) -> bool:
        """Whether the data loop still runs."""
        return self._guard.is_alive

    def clock_synchronised(self, *, synchronised: bool) -> None:
        """Tell whether the kernel holds its clock to a source of time."""
        self._guard.clock_synchronised(synchronised)

    def reload(self, document: bytes) -> str:
        """Swap the policy atomically and return its digest; a refused document changes nothing."""
        return self._guard.reload(document)

    def reject(self, reason: str) -> None:
        """Record that a new policy was refused before it reached the core."""
        self._guard.reject(reason)

    def status(self) -> bytes:
        """JSON: listeners, conduits, counters and the journal's state."""
        return self._guard.status()

    def sessions(self) -> bytes:
        """JSON: every open session."""
        return self._guard.sessions()

    def metrics(self) -> bytes:
        """Return counters in the Prometheus text format."""
        return self._guard.metrics()

    def drain(self, timeout_ms: int) -> bool:
        """Stop accepting, finish open requests; whether all finished in time."""
        return self._guard.drain(timeout_ms)

    def stop(self) -> None:
        """Close every session and the journal."""
        self._guard.stop()


def verify_journal(
    directory: Path, *, first_public_key: str | None = None, checkpoint: str | None = None
) -> Verification:
    """Check every row, link and signature of a journal against its chain of keys.

    Args:
        directory: the journal's; nothing in it is changed.
        first_public_key: hex, from where the intruder could not write; the journal's own is
            believed without it, and the verification says so.
        checkpoint: hex digest of a later checkpoint kept elsewhere; finds a tail cut back.
    """
    return parse_verification(_core.verify_journal(str(directory), _options(first_public_key, checkpoint)))


def verify_export(
    folder: Path, *, first_public_key: str | None = None, checkpoint: str | None = None
) -> Verification:
    """Check an export that holds its chain as a journal is checked; arguments as in `verify_journal`."""
    return parse_verification(_core.verify_export(str(folder), _options(first_public_key, checkpoint)))


def _options(first_public_key: str | None, checkpoint: str | None) -> bytes:
    options = {"first_public_key": first_public_key, "checkpoint": checkpoint}
    return json.dumps({key: value for key, value in options.items() if value is not None}).encode()
