"""Nouns for asking the core why: one question, one explanation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Raw values a server was last seen to hold."""

    table: str
    address: int
    values: list[int]
    age_ms: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """
    One request, as the core would meet it.

    Without a server, conduit and unit id say where it led: to nobody.
    """

    client: str
    server: str | None
    pdu: bytes
    conduit: str | None = None
    role: str | None = None
    unit_id: int | None = None
    at_unix_s: int | None = None
    known: tuple[KnownValues, ...] = ()

    def to_json(self) -> bytes:
        """The form the core reads: the PDU as hex."""
        fields = asdict(self)
        return json.dumps({**fields, "pdu": self.pdu.hex()}).encode()


@dataclass(frozen=True, slots=True)
class FailedOperand:
    """One operand of a rule that the request does not meet."""

    operand: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """How one rule met the request."""

    rule: str
    kind: str
    matched: bool
    failed: tuple[FailedOperand, ...]


@dataclass(frozen=True, slots=True)
class DeclaredUnits:
    """A server behind a listener, and the unit ids that the policy declares for it."""

    server: str
    unit_ids: tuple[int, ...]
    is_gateway: bool


@dataclass(frozen=True, slots=True)
class UndeclaredUnit:
    """A unit id behind which nobody is declared, and who is declared beside it."""

    unit_id: int
    listeners: tuple[str, ...]
    servers: tuple[DeclaredUnits, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict and what led to it."""

    conduit: str | None
    verdict: str
    rule: str | None
    reason: str | None
    word: str | None
    answer: str | None
    essential: bool
    nearest: RuleTrace | None
    rules: tuple[RuleTrace, ...] = field(default=())
    undeclared: UndeclaredUnit | None = None


def parse_explanation(text: bytes) -> Explanation:
    """Read the core's answer."""
    answer: dict[str, Any] = json.loads(text)
    nearest = answer.get("nearest")
    return Explanation(
        conduit=answer.get("conduit"),
        verdict=answer["verdict"],
        rule=answer.get("rule"),
        reason=answer.get("reason"),
        word=answer.get("word"),
        answer=_answer_text(answer.get("answer")),
        essential=bool(answer.get("essential")),
        nearest=None if nearest is None else _trace(nearest),
        rules=tuple(_trace(rule) for rule in answer.get("rules", [])),
    )


def _trace(rule: dict[str, Any]) -> RuleTrace:
    failed = tuple(
        FailedOperand(str(item["operand"]), str(item["wanted"]), str(item["found"]))
        for item in rule.get("failed", [])
    )
    return RuleTrace(rule["rule"], rule.get("kind", "permit"), bool(rule.get("matched")), failed)


def _answer_text(answer: dict[str, Any] | str | None) -> str | None:
    if isinstance(answer, dict):
        return ", ".join(f"{word} {number:02X}" for word, number in answer.items())
    return answer
