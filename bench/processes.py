"""Child processes of the benchmark: started pinned to a core, measured by the kernel, ended by their id."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
# Tests name one that is built in haste.
PROGRAMS = Path(os.environ.get("BENCH_PROGRAMS", ROOT / "target" / "release"))
LOAD = PROGRAMS / "bench"
# The runner, the load and the servers share the first core; each candidate has the last to itself.
LOAD_CPU = min(os.sched_getaffinity(0))
CANDIDATE_CPU = max(os.sched_getaffinity(0))
PATIENCE_S = 30.0
_STOP_S = 15.0


class BenchError(Exception):
    """What keeps the benchmark from measuring."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process and where it writes what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def cpu_ns(self) -> int:
        """CPU time of all its threads so far, those that have ended too."""
        # The clock id of another process: linux/posix-timers.h, CPUCLOCK_SCHED of the whole group.
        return time.clock_gettime_ns((~self.pid << 3) | 2)

    def resident_bytes(self) -> int:
        """Physical memory it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it: asked first, killed where it does not hear."""
        if not self.is_alive():
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    command: Sequence[str | Path], cpu: int | None, log: Path, environment: dict[str, str] | None = None
) -> Child:
    """Start a command on one core, or on any; what it says goes to the file."""
    pinned = _pinned(cpu, *map(str, command))
    log.parent.mkdir(parents=True, exist_ok=True)
    around = {**os.environ, **(environment or {})}
    with log.open("ab") as out:
        return Child(subprocess.Popen(pinned, stdout=out, stderr=out, cwd=log.parent, env=around), log)


def start_load(
    command: str, settings: dict[str, Any], cpu: int | None = LOAD_CPU, *, within: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a part of the load side, also in a network namespace; its lines are read by the runner."""
    place = () if within is None else ("ip", "netns", "exec", within)
    pinned = _pinned(cpu, *place, str(LOAD), command, json.dumps(settings))
    # Unbuffered: a line in a buffer of ours would not wake `select`.
    return subprocess.Popen(pinned, stdout=subprocess.PIPE, bufsize=0)


def _pinned(cpu: int | None, *command: str) -> list[str]:
    place = () if cpu is None else ("taskset", "--cpu-list", str(cpu))
    # However the runner ends, nothing of it stays behind and holds the ports.
    return ["setpriv", "--pdeathsig", "KILL", *place, *command]


def read_line(child: subprocess.Popen[bytes], patience_s: float) -> Any:
    """
    Wait for one line of JSON.

    Raises:
        BenchError: none came in time, or the child ended.
    """
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], patience_s)
    line = child.stdout.readline() if ready else b""
    if not line:
        child.kill()
        raise BenchError(f"{child.args!r} said nothing")
    return json.loads(line)


def raise_file_limit(wanted: int) -> int:
    """Raise the limit on open files as far as the system lets us, for us and all children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((wanted, max(wanted, hard)), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        except (OSError, ValueError):
            continue
        break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def busy_share(cpu: int) -> tuple[float, float]:
    """Return busy and whole seconds of one core since the system began."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{cpu} "))
    ticks = [int(word) for word in line.split()[1:9]]
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle), float(sum(ticks))
