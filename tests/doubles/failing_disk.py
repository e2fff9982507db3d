"""A guard whose disk fails, and a conduit for each choice an operator has.

How the disk fails without root: the kernel refuses every write to a file beyond RLIMIT_FSIZE, and a
running guard's limit can be set from outside, to 0 and back. Permissions would not bind a guard that
runs as root, so a directory that cannot be written to is one that is renamed away, with a plain file
in its place. A disk that is really full is a small tmpfs, which only root may mount.
"""

from __future__ import annotations

import resource
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.doubles.guard import GuardChild, free_port, wait_until
from tests.doubles.guarded import GUARD, HMI
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack
    from pathlib import Path

CHOICES = ("deny_writes", "deny_all", "permit")
# Longer than the longest pause between two tries to open a segment.
RECOVERY_S = 15.0
NOTICE_S = 5.0
HEAD = """\
modwarden: 1
site: Failing disk
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {ports[0]}, unit_ids: [1]}}
  plc-2:  {{zone: field, addresses: [127.11.0.2], port: {ports[1]}, unit_ids: [1]}}
  plc-3:  {{zone: field, addresses: [127.11.0.3], port: {ports[2]}, unit_ids: [1]}}
journal:
  directory: journal
  deadline: 5s
  syslog: {{server: "127.0.0.1:{syslog}"}}
conduits:
"""
CONDUIT = """\
  {name}:
    from: [control]
    to: field
    on_failure: {{journal: {choice}}}
    servers: {{{server}: {{listen: "127.10.0.2:{port}"}}}}
    rules:
      - {{name: {name}-rule, clients: [hmi-1], permit: [read, write], ranges: [holding_register 0-9]}}
      - name: {name}-vital
        clients: [hmi-1]
        permit: [read, write]
        ranges: [holding_register 50-59]
        essential: true
"""


@dataclass
class FailingDisk:
    """A guard with a conduit for each choice, and where its records go."""

    guard: GuardChild
    plcs: dict[str, PlcDouble]
    talks: dict[str, Talk]
    syslog: socket.socket

    def ask(self, choice: str, pdu: bytes) -> bytes:
        return self.talks[choice].ask(pdu)

    def journal_state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.guard.status()["journal"]
        return state

    def wait_for_journal(self, *, is_up: bool, patience_s: float = RECOVERY_S) -> None:
        wait_until(lambda: self.journal_state()["up"] is is_up, f"journal up: {is_up}", patience_s)

    def fail(self) -> None:
        """Let the journal meet its failed disk, and wait until it has noticed."""
        self.provoke()
        self.wait_for_journal(is_up=False, patience_s=NOTICE_S)

    def provoke(self) -> None:
        """Cause a row, so that the journal meets its disk."""
        self.ask("permit", read(0))

    def syslog_lines(self) -> list[str]:
        lines = []
        self.syslog.settimeout(0.3)
        try:
            while True:
                lines.append(self.syslog.recv(65536).decode())
        except TimeoutError:
            return lines


def start_on_a_disk_that_can_fail(folder: Path, ending: ExitStack) -> FailingDisk:
    plcs = {
        choice: ending.enter_context(PlcDouble(f"127.11.0.{at}"))
        for at, choice in enumerate(CHOICES, start=1)
    }
    syslog = ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    syslog.bind(("127.0.0.1", 0))
    listening = {choice: free_port(GUARD) for choice in CHOICES}
    guard = GuardChild(folder)
    text = HEAD.format(ports=[plc.port for plc in plcs.values()], syslog=syslog.getsockname()[1])
    for at, choice in enumerate(CHOICES, start=1):
        name = choice.replace("_", "-")
        text += CONDUIT.format(name=name, choice=choice, server=f"plc-{at}", port=listening[choice])
    guard.site.write_text(text)
    ending.callback(guard.end)
    guard.start()
    talks = {choice: ending.enter_context(Talk((GUARD, listening[choice]), HMI)) for choice in CHOICES}
    return FailingDisk(guard, plcs, talks, syslog)


@contextmanager
def no_file_may_grow(pid: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
