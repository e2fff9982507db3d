"""
A guard's unit against a real guard: what it forbids is nothing that the guard does.

systemd itself does not run here. Tried are: no capability, no new privileges, no memory both writable and
executable, and all system calls and sockets of a guard that decides a read and a write, reloads and ends,
against the unit's lists.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import BODY, GuardChild, free_port, wait_until
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk, read, write

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs_tool(tool) for tool in ("strace", "setpriv", "systemd-analyze")]
SITE = """\
modwarden: 1
site: Sandboxed
zones:
  field: {networks: [127.0.2.0/24]}
  control: {networks: [127.0.0.0/24]}
assets:
  gate-1: {zone: control, addresses: [127.0.0.1]}
  plc-1: {zone: field, addresses: [127.0.2.1], unit_ids: [1], port: PLC}
conduits:
  cell:
    from: [control]
    to: field
    guard: gate-1
    servers: {plc-1: {listen: "127.0.0.1:LISTEN"}}
    rules: [{name: all, clients: [control], permit: [read, write]}]
"""
# PR_SET_NO_NEW_PRIVS, and PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN, which kernels have from 6.3 on.
_CONFINED = (
    "import ctypes, sys; call = ctypes.CDLL(None).prctl; "
    "lacks = call(38, 1, 0, 0, 0) or call(65, 1, 0, 0, 0); "
    "sys.exit('the kernel lacks PR_SET_MDWE') if lacks else exec(sys.argv[1])"
)


class ConfinedGuard(GuardChild):
    """The guard under the parts of its unit that need no systemd, and under strace."""

    def spawn(self) -> None:
        code = f"import sys; sys.argv = ['-c', {str(self.site)!r}]; {BODY}"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                # With -D the guard is our child, and strace is its own.
                [
                    *("strace", "-D", "-f", "-q", "-o", str(self.folder / "calls")),
                    *("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
                    *(sys.executable, "-c", _CONFINED, code),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def traced(self) -> str:
        """Give what strace wrote, once the guard has ended and strace knows it."""
        calls = self.folder / "calls"
        wait_until(lambda: f"{self.pid} +++ exited" in calls.read_text(), "strace sees the end")
        return calls.read_text()


def syscalls(name: str) -> set[str]:
    """Write out one of systemd's sets."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in told.stdout.splitlines()[1:]]
    plain = {word for word in words if word and word[0] not in "@#"}
    return plain.union(*(syscalls(word) for word in words if word.startswith("@")))


def permitted_syscalls(unit: str) -> set[str]:
    permitted = syscalls("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        words = line.removeprefix("~").split()
        named = set().union(*(syscalls(word) if word.startswith("@") else {word} for word in words))
        permitted = permitted - named if line.startswith("~") else permitted | named
    return permitted


def test_the_guards_unit_forbids_nothing_that_a_guard_does(tmp_path: Path) -> None:
    guard = ConfinedGuard(tmp_path)
    with PlcDouble("127.0.2.1") as plc:
        listen = free_port("127.0.0.1")
        guard.site.write_text(SITE.replace("PLC", str(plc.port)).replace("LISTEN", str(listen)))
        try:
            guard.start()
            with Talk(("127.0.0.1", listen), "127.0.0.5", timeout_s=10.0) as talk:
                answers = [talk.ask(write(1, 5)).hex(), talk.ask(read(1)).hex()]
            guard.control.reload()
            ended = guard.stop()
        finally:
            guard.end()
    unit = next(
        file.text
        for file in render_host(load_site(guard.site), AssetName("gate-1"))
        if file.name == "modwarden-guard.service"
    )
    traced = guard.traced()
    used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", traced, re.MULTILINE)) - {"capset"}  # setpriv's own
    families = set(re.findall(r"socket\((AF_\w+)", traced))

    assert (answers, ended) == (["0600010005", "03020005"], 0)
    assert used - permitted_syscalls(unit) == set()
    assert families <= set(re.findall(r"AF_\w+", unit))
