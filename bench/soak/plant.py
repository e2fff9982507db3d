"""The processes of a soak: groups of units that can go down, an HMI, engineers, the guard."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.processes import PATIENCE_S, ROOT, BenchError, Child, start
from bench.soak.site import ENGINEER_ADDRESS, FIRST_PORT, GUARD_ADDRESS, SoakSite

from modwarden.guard import ControlClient, ControlError
from modwarden.lab import HMI_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.slow_disk import SlowDisk

MODWARDEN = (sys.executable, "-m", "modwarden.cli")
GROUPS = 4
# The machine is shared and the lab is Python: a poll is lost when no reply comes, not when one is late. The
# guard gives up a silent server after 10 s and says so: whoever waits longer knows whose silence it was.
REPLY_TIMEOUT_S = 12.0
_SERVER_PORT = 15020


@dataclass(frozen=True, slots=True)
class Outage:
    """When the units of a group could not be reached, in Unix time."""

    first_unit: int
    last_unit: int
    began: float
    ended: float


@dataclass
class Group:
    """Some units, one process."""

    folder: Path
    first: int
    last: int
    child: Child | None = None

    @property
    def writes(self) -> Path:
        """Each write that its units received."""
        return self.folder / f"writes-{self.first:03}.jsonl"

    def start(self) -> None:
        """Let its units answer."""
        listen = f"127.11.0.[{self.first}-{self.last}]:{_SERVER_PORT}"
        command = [*MODWARDEN, "lab", "cleanroom", "--units", str(self.last - self.first + 1)]
        command += ["--listen", listen, "--writes", str(self.writes)]
        self.child = start(command, None, self.folder / f"plant-{self.first:03}.log")
        for unit in (self.first, self.last):
            wait_for_port(f"127.11.0.{unit}", _SERVER_PORT)

    def goes_down_for(self, seconds: float) -> Outage:
        """Kill its process, and start it again later."""
        assert self.child is not None
        began = time.time()
        self.child.process.kill()
        self.child.process.wait()
        time.sleep(seconds)
        self.start()
        return Outage(self.first, self.last, began, time.time())


@dataclass
class Clients:
    """An HMI process that reports when it ends."""

    child: Child
    name: str

    def report(self) -> dict[str, Any]:
        """End it, and read what it lived through."""
        # On a busy machine it may not even have begun to listen for the signal.
        wait_until(lambda: _catches(self.child, signal.SIGTERM), f"the {self.name} would hear a signal")
        self.child.process.send_signal(signal.SIGTERM)
        # A poll may wait for its reply time-out still, and an adjustment's after it.
        self.child.process.wait(PATIENCE_S + 2 * REPLY_TIMEOUT_S)
        lines = self.child.log.read_text().splitlines()
        found: dict[str, Any] = json.loads(lines[-1])
        return {"client": self.name, **found}


@dataclass
class Plant:
    """Everything that runs beside the runner."""

    folder: Path
    site: SoakSite
    disk: SlowDisk
    groups: list[Group] = field(default_factory=list)
    guard: Child | None = None
    children: list[Child] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """The guard's record."""
        return self.folder / "journal"

    @property
    def control(self) -> ControlClient:
        """Ask the guard."""
        return ControlClient(self.folder / "state" / "control.sock")

    def start(self) -> None:
        """Start units and guard."""
        self.site.write()
        for number in range(GROUPS):
            first, after = (1 + self.site.units * edge // GROUPS for edge in (number, number + 1))
            self.groups.append(Group(self.folder, first, after - 1))
            self.groups[-1].start()
        command = [sys.executable, str(ROOT / "bench" / "measured_guard.py"), str(self.site.path)]
        command += ["--segment-bytes", str(self.site.segment_bytes)]
        self.guard = start(command, None, self.folder / "guard.log", self.disk.environment)
        self.children.append(self.guard)
        wait_until(self._guard_answers, "the guard answers")
        wait_for_port(GUARD_ADDRESS, FIRST_PORT)

    def hmi(self) -> Clients:
        """Poll every unit once a second and adjust setpoints."""
        return self._clients("hmi", ["--source", HMI_ADDRESS, "--target", self.site.target()])

    def engineers(self, units: int, number: int) -> Clients:
        """Look at a few units and write often."""
        where = ["--source", ENGINEER_ADDRESS, "--target", self.site.target(units)]
        return self._clients(f"engineers {number}", [*where, "--adjust-every", "0.1"])

    def run_beside(self, name: str, *arguments: str) -> Child:
        """Start one of Modwarden's own commands; what it says is not kept."""
        log = self.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        self.children.append(start([*MODWARDEN, *arguments], None, log))
        return self.children[-1]

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of Modwarden's own commands to its end."""
        command = [*MODWARDEN, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)

    def end(self) -> None:
        """Whatever still runs."""
        groups = [group.child for group in self.groups if group.child is not None]
        for child in [*reversed(self.children), *groups]:
            child.stop()

    def _clients(self, name: str, options: list[str]) -> Clients:
        arguments = ["lab", "hmi", *options, "--reply-timeout", str(REPLY_TIMEOUT_S), "--json"]
        return Clients(self.run_beside(name.replace(" ", "-"), *arguments), name)

    def _guard_answers(self) -> bool:
        assert self.guard is not None
        if not self.guard.is_alive():
            raise BenchError(self.guard.log.read_text())
        try:
            self.control.status()
        except ControlError:
            return False
        return True


def children_of(pid: int) -> list[int]:
    """Give the processes that one has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """
    Look again and again.

    Raises:
        BenchError: it did not come about.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchError(f"in vain: {what}")
        time.sleep(0.05)


def wait_for_port(host: str, port: int) -> None:
    """Wait until somebody listens, without connecting: a guard would take it for a client."""
    wanted = (
        "".join(f"{part:02X}" for part in reversed([int(word) for word in host.split(".")])) + f":{port:04X}"
    )
    wait_until(lambda: _listens(wanted), f"{host}:{port} listens")


def _catches(child: Child, number: signal.Signals) -> bool:
    with open(f"/proc/{child.pid}/status", encoding="ascii") as file:  # noqa: PTH123
        caught = next(line.split()[1] for line in file if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def _listens(wanted: str) -> bool:
    with open("/proc/net/tcp", encoding="ascii") as file:  # noqa: PTH123
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in file)
