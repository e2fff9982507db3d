"""The real guard as a child process, under a site file of the test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modwarden.guard import ControlClient, ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = (sys.executable, "-m", "modwarden.cli")
# The guard's own main function without the command line around it, which takes longer to import.
BODY = (
    "import sys; from pathlib import Path; from modwarden.guard import serve, state_directory; "
    "site = Path(sys.argv[1]); serve(site, None, state_directory(site, None))"
)
PATIENCE_S = 30.0
# The kernel's number for the state of a listening socket, as /proc/net/tcp shows it.
_LISTENS = "0A"


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def is_listening(address: str, port: int) -> bool:
    """Whether somebody listens there, asked of the kernel: a server may take a knock for its client."""
    local = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(row[1] == local and row[3] == _LISTENS for row in rows)


def is_stopped(pid: int) -> bool:
    """Whether no thread of a process runs any more: SIGSTOP alone does not mean that yet."""
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    # The state stands behind the program's name in brackets.
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def wait_until(is_so: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(0.02)


@dataclass
class GuardChild:
    """One folder with a site file, and the guard that runs on it."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    body: str = BODY
    # Open files it may have at most; None: as many as we.
    descriptors: int | None = None

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def control(self) -> ControlClient:
        return ControlClient(self.folder / "state" / "control.sock")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def spawn(self) -> None:
        """Start without waiting until it listens."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._limited, sys.executable, "-c", self.body, str(self.site)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ,
            )

    @property
    def _limited(self) -> tuple[str, ...]:
        return () if self.descriptors is None else ("prlimit", f"--nofile={self.descriptors}")

    def start(self) -> None:
        self.spawn()
        wait_until(self._is_answering, "the guard answers on its control socket")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        assert self.process is not None
        self.process.terminate()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """End it cleanly; its exit code."""
        self.terminate()
        return self.wait()

    def end(self) -> None:
        """Whatever the test left running."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, cwd=self.folder, check=False
        )

    def status(self) -> dict[str, Any]:
        return self.control.status()

    def records(self, *filters: str, journal: Path | None = None) -> list[dict[str, Any]]:
        found = self.ask("audit", "query", str(journal or self.journal), *filters, "--json")
        assert found.returncode == 0, found.stderr
        return [json.loads(line) for line in found.stdout.splitlines()]

    def verify(self, journal: Path | None = None) -> dict[str, Any]:
        """All that `audit verify` says; findings are the test's to judge."""
        done = self.ask("audit", "verify", str(journal or self.journal), "--json")
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        verified: dict[str, Any] = json.loads(done.stdout)
        return verified

    def _is_answering(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            self.control.status()
        except ControlError:
            return False
        return True
