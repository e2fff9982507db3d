"""A policy test: a request in words, and the verdict the operator expects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modwarden.model.names import AssetName, UnitId
from modwarden.model.origin import Origin
from modwarden.model.principal import Principal


class Expectation(StrEnum):
    """The verdict a test expects."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """
    One entry of `tests`.

    `known` maps a point, or a place such as `holding_register 100`, to its value or raw registers.
    """

    client: Principal
    written_client: str
    server: AssetName
    request: str
    expect: Expectation
    unit_id: UnitId | None = None
    at: datetime | None = None
    known: Mapping[str, float | tuple[int, ...]] = field(default_factory=dict)
    origin: Origin = field(default=Origin("", 0), compare=False)
