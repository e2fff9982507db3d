"""A disk whose syncs can be made to stall under a running guard, without root."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.processes import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE = ROOT / "bench" / "slow_disk.c"


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """What a guard is started with so that its syncs stall while a file is there."""

    preloaded: Path
    switch: Path

    @classmethod
    def in_folder(cls, folder: Path) -> SlowDisk:
        """Compile the library that stands before the system's own sync."""
        folder.mkdir(parents=True, exist_ok=True)
        preloaded = folder / "slow_disk.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", preloaded, _SOURCE], check=True)
        return cls(preloaded, folder / "disk_stalls")

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the guard's process."""
        return {"LD_PRELOAD": str(self.preloaded), "SLOW_DISK": str(self.switch)}

    def stall(self) -> None:
        """From now on no sync returns."""
        self.switch.touch()

    def recover(self) -> None:
        """Let all syncs return, those that wait too."""
        self.switch.unlink(missing_ok=True)
