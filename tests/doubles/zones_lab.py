"""The lab of four zones as an operator starts it, and its hosts asked from within."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.doubles.guard import COMMAND, wait_until

from modwarden.lab import setpoint_registers

if TYPE_CHECKING:
    from collections.abc import Iterator

# Two registers of the first unit, from an address of the zone.
_WRITE = """
import sys
from pymodbus.client import ModbusTcpClient
source, *words = sys.argv[1:]
client = ModbusTcpClient("10.11.0.1", source_address=(source, 0), timeout=0.5, retries=0)
if not client.connect():
    print("no connection")
else:
    reply = client.write_registers(100, [int(word) for word in words], device_id=1)
    print(f"exception {reply.exception_code}" if reply.isError() else "written")
"""
SITE_NAME = "Lab of four zones"


class Lab:
    """A lab that was started as an operator does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lab"
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [*COMMAND, "lab", "zones", "-o", str(self.folder)], stdout=said, stderr=said
            )
        wait_until(self._is_up, "the lab stands", patience_s=90)

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.said.read_text()
        return "the lab stands" in self.said.read_text()

    def ask(self, zone: str, *words: str) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", f"mwlab-{zone}", *COMMAND, *words)

    def setpoint(self, zone: str, source: str, degc: float) -> dict[str, Any]:
        words = ("--target", "10.11.0.1:502", "--source", source, "--json")
        told: dict[str, Any] = json.loads(self.ask(zone, "lab", "setpoint", str(degc), *words).stdout)
        return told

    def write(self, zone: str, source: str, degc: float) -> str:
        """Write a setpoint without the command's start, and say how that ended."""
        words = [*map(str, setpoint_registers(degc))]
        return self.inside(zone, sys.executable, "-c", _WRITE, source, *words).strip()

    def probe(self, zone: str, place: str) -> tuple[int, dict[str, Any]]:
        pace = ("--timeout", "0.2", "--yes-i-mean", SITE_NAME, "--json")
        done = self.ask(zone, "probe", str(self.site), "--from", place, *pace)
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode, json.loads(done.stdout)

    def writes(self) -> list[list[int]]:
        text = (self.folder / "writes.jsonl").read_text()
        return [json.loads(line)["values"] for line in text.splitlines()]

    def inside(self, host: str, *command: str) -> str:
        done = run("ip", "netns", "exec", f"mwlab-{host}", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def namespaces() -> list[str]:
    return sorted(path.name for path in Path("/run/netns").glob("mwlab-*"))


@contextmanager
def alone() -> Iterator[None]:
    """One test of the lab at a time, whichever process it is in: its namespaces have fixed names."""
    with (Path(tempfile.gettempdir()) / "modwarden-zones-lab.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def standing(folder: Path) -> Iterator[Lab]:
    lab = Lab(folder)
    try:
        yield lab
    finally:
        if lab.process.poll() is None:
            # Where tests run in the background, an interrupt is ignored by all that they start.
            lab.process.terminate()
        lab.process.wait(90)
