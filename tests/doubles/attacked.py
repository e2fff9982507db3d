"""A guard between honest clients that poll on schedule and somebody who means no good.

Honest clients, server and attacker are the benchmark's load program: Python would be the attack's limit.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.attacks_page import ratios
from bench.processes import CANDIDATE_CPU, read_line, start_load
from tests.doubles.guard import GuardChild, free_port, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

HMI, INSIDER, GUARD, UNIT = "127.10.0.5", "127.10.0.6", "127.10.0.2", "127.11.0.1"
OUTSIDERS = [f"127.10.0.{100 + number}" for number in range(50)]
HONEST_CONNECTIONS = 20
HERTZ = 10.0
INSIDE_ADDRESS, FOREIGN_ADDRESS = 200, 500
# `make attack` asks for longer windows and the full numbers.
SECONDS = float(os.environ.get("ATTACK_SECONDS", "1.5"))
IS_WHOLE = "ATTACK_SECONDS" in os.environ
RESULTS = os.environ.get("ATTACK_RESULTS")
# An ordinary test run tests the attack only: the slow disk of a busy machine must not refuse a write there.
DEADLINES = {"deadline": "", "journal_deadline": ""}
if not IS_WHOLE:
    DEADLINES = {"deadline": "    deadline: 10s\n", "journal_deadline": ", deadline: 10s"}
RELAXED = "" if IS_WHOLE else "Deadlines of conduit and journal 10 s each instead of their defaults."
_ATTACKER_NICENESS = 5
_PATIENCE_S = 60.0
SITE = """\
modwarden: 1
site: Attacked
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  bad-1:  {{zone: control, addresses: [127.10.0.6]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
{deadline}    idle_timeout: {idle}
    budgets: {{{budgets}}}
    servers: {{plc-1: {{listen: "127.10.0.2:{guard_port}"}}}}
    rules:
      - {{name: hmi, clients: [hmi-1], permit: [read, write], ranges: [holding_register 0-99]}}
      - {{name: insider, clients: [bad-1], permit: [read], ranges: [holding_register 200-299]}}
journal: {{directory: journal{journal_deadline}}}
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """What is done to the guard, and the limit that must show it."""

    name: str
    limit: str
    says: Mapping[str, Any]
    command: str = "attack"
    idle: str = "30s"
    budgets: str = ""
    descriptors: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guard's process holds and has spent."""

    descriptors: int
    resident_bytes: int
    cpu_ns: int


@dataclass(frozen=True, slots=True)
class Polling:
    """Honest clients at work."""

    child: subprocess.Popen[bytes]

    def wait_for_begin(self) -> None:
        """Wait until the window begins."""
        assert read_line(self.child, _PATIENCE_S) == "begin"

    def report(self) -> dict[str, Any]:
        """Wait for the window's end; how the load says it went."""
        assert read_line(self.child, _PATIENCE_S) == "end"
        report: dict[str, Any] = read_line(self.child, _PATIENCE_S)
        return report


@dataclass
class Attacked:
    """One guard, its server, and who talks to it."""

    guard: GuardChild
    target: str
    attack: Attack
    found: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> Facts:
        process = Path(f"/proc/{self.guard.pid}")
        resident = int(process.joinpath("statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        # The clock id of another process: linux/posix-timers.h, CPUCLOCK_SCHED of the whole group.
        cpu_ns = time.clock_gettime_ns((~self.guard.pid << 3) | 2)
        return Facts(len(list(process.joinpath("fd").iterdir())), resident, cpu_ns)

    def limits(self) -> dict[str, int]:
        limits: dict[str, int] = self.guard.status()["limits"]
        return limits

    @contextmanager
    def honest_clients(self, warm_up_s: float) -> Iterator[Polling]:
        """Honest clients that poll for one window after the warm-up, once all are connected."""
        asking = {
            "targets": [self.target],
            "sources": [HMI],
            "connections": HONEST_CONNECTIONS,
            "writes_percent": 10,
        }
        settings = {"asking": asking, "hertz": [HERTZ], "warm_up_s": warm_up_s, "seconds": SECONDS}
        with start_load("paced", settings) as child:
            try:
                wait_until(lambda: self.guard.status()["sessions"] >= HONEST_CONNECTIONS, "all are connected")
                yield Polling(child)
            finally:
                child.kill()

    @contextmanager
    def attacker(self) -> Iterator[subprocess.Popen[bytes]]:
        """The attack, once it is in full swing; it lasts until it is ended."""
        settings = {"target": self.target, "seconds": SECONDS + 60.0, **self.attack.says}
        with start_load(self.attack.command, settings) as child:
            # The honest clients share its core and shall not pay for all that it burns there.
            os.setpriority(os.PRIO_PROCESS, child.pid, _ATTACKER_NICENESS)
            try:
                if self.attack.command == "attack":
                    assert read_line(child, _PATIENCE_S) == "full"
                else:
                    time.sleep(0.3)
                yield child
            finally:
                child.kill()

    def wait_until_all_are_gone(self) -> None:
        wait_until(lambda: self.guard.status()["sessions"] == 0, "no session is open", _PATIENCE_S)

    def report(self) -> None:
        """Say what the attack cost, and keep it where `make attack` looks for it."""
        self.found |= {"at": time.time(), "seconds": SECONDS, "relaxed": RELAXED}
        quiet, attacked = self.found["quiet"], self.found["attacked"]
        for key, ratio in zip(("p50_us", "p99_us"), ratios(quiet, attacked), strict=True):
            print(f"{self.attack.name}: {key}: {quiet[key]:.0f} → {attacked[key]:.0f}, {ratio:.2f} times")
        print(json.dumps(self.found))
        if RESULTS is not None:
            folder = Path(RESULTS)
            folder.mkdir(parents=True, exist_ok=True)
            folder.joinpath(f"{self.attack.name.replace(' ', '-')}.json").write_text(json.dumps(self.found))


def bad_requests(report: Mapping[str, Any]) -> int:
    """Honest requests that did not end as they should."""
    return sum(int(report[kind]) for kind in ("lost", "exceptions", "strays", "broken"))


@contextmanager
def attacked(folder: Path, attack: Attack) -> Iterator[Attacked]:
    """Start server and guard; whatever happens, both end."""
    with ExitStack() as ending:
        server_port, guard_port = free_port(UNIT), free_port(GUARD)
        server = ending.enter_context(start_load("serve", {"listen": [f"{UNIT}:{server_port}"]}))
        ending.callback(server.kill)
        assert read_line(server, _PATIENCE_S) == "ready"
        guard = GuardChild(folder, descriptors=attack.descriptors)
        ports = {"server_port": server_port, "guard_port": guard_port}
        guard.site.write_text(SITE.format(**ports, **DEADLINES, idle=attack.idle, budgets=attack.budgets))
        ending.callback(guard.end)
        _start_on_its_core(guard)
        yield Attacked(guard, f"{GUARD}:{guard_port}", attack)


def _start_on_its_core(guard: GuardChild) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CANDIDATE_CPU})
    try:
        guard.start()
    finally:
        os.sched_setaffinity(0, before)
