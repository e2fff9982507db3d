"""A rule of a conduit: what may pass, or what never may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from modwarden.model.function_set import FunctionSelector
from modwarden.model.limits import Limits
from modwarden.model.names import AssetName, PointName, RoleName, RuleName, UnitId
from modwarden.model.network import Network
from modwarden.model.origin import Origin
from modwarden.model.schedule import Window
from modwarden.model.table import Span


class RuleKind(StrEnum):
    """Whether a rule permits or forbids."""

    PERMIT = "permit"
    NEVER = "never"


class Refusal(StrEnum):
    """A refusal that is not a Modbus exception."""

    SILENCE = "silence"
    RESET = "reset"


# V1.1b3 §7; 5 (acknowledge) is no refusal.
EXCEPTION_CODES = (1, 2, 3, 4, 6, 8, 0x0A, 0x0B)

# An exception code, or one of the other two.
Denial: TypeAlias = int | Refusal


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One member of a conduit's set of rules; `None` means "any".

    `clients` holds what the names stand for; `written_clients` what the operator wrote,
    `None` where a permit's clients are the networks of the conduit's `from` zones.
    """

    name: RuleName
    kind: RuleKind
    functions: tuple[FunctionSelector, ...]
    clients: tuple[Network, ...] | None = None
    written_clients: tuple[str, ...] | None = None
    roles: tuple[RoleName, ...] | None = None
    servers: tuple[AssetName, ...] | None = None
    unit_ids: tuple[UnitId, ...] | None = None
    ranges: tuple[Span, ...] | None = None
    points: tuple[PointName, ...] | None = None
    limits: Mapping[PointName, Limits] = field(default_factory=dict)
    when: tuple[Window, ...] | None = None
    essential: bool = False
    denial: Denial | None = None
    polling_period_ms: int | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)
