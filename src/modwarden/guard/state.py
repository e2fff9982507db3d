"""Where a guard keeps what outlives it: the last good policy and the control socket."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """
    Paths of one guard's state; two guards of one site file do not share a name.

    The last good policy carries its site file's name, so that a name mistyped at a start
    does not put another file's policy in force.
    """

    folder: Path
    guard: str | None = None
    site: str = "site"

    @property
    def last_good(self) -> Path:
        """The last policy that was in force, compiled."""
        return self.folder / f"last_good.{self.site}{self._suffix}.json"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.folder / f"control{self._suffix}.sock"

    @property
    def alive(self) -> Path:
        """The guard's sign of life, where a conduit fails open."""
        return self.folder / f"alive.{self.site}{self._suffix}.json"

    @property
    def _suffix(self) -> str:
        return "" if self.guard is None else f".{self.guard}"


def state_directory(site: Path, guard: str | None, chosen: Path | None = None) -> StateDirectory:
    """Find the state's folder: as chosen, as systemd says, or `state` beside the site file."""
    if chosen is not None:
        return StateDirectory(chosen.absolute(), guard, site.stem)
    # systemd may name several, separated by colons; the first is ours.
    named = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if named:
        return StateDirectory(Path(named), guard, site.stem)
    beside = site if site.is_dir() else site.parent
    return StateDirectory(beside.absolute() / "state", guard, site.stem)
