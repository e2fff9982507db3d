"""The parts a host may run, and the command that starts each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the host."""

    name: str
    command: tuple[str, ...]


def guard_part(site: Path, guard: str | None, state: Path | None) -> Part:
    """Return the data plane: the part that carries the traffic."""
    command = [sys.executable, "-m", "modwarden.cli", "run", str(site), "--only", "guard"]
    if guard is not None:
        command += ["--as", guard]
    if state is not None:
        command += ["--state", str(state)]
    return Part("guard", tuple(command))
