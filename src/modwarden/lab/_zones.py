"""
Four zones in network namespaces: a router under nftables, and a guard's host before the field.

```text
enterprise ── router-1 ── dmz
                 │
              control ── gate-1 ── field
```

A zone is one namespace with the addresses of all its hosts. What the lab's guard and servers are is told from
outside: this module starts commands and shares no code with the guard.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ._namespaces import Namespace, find_namespaces, remove_namespace
from ._zones_site import ROUTER_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUTER, GATE = Namespace("router"), Namespace("gate")
ENTERPRISE, DMZ, CONTROL, FIELD = (Namespace(zone) for zone in ("enterprise", "dmz", "control", "field"))
ZONES = {one.short: one for one in (ENTERPRISE, DMZ, CONTROL, FIELD, ROUTER, GATE)}
# Longer than a guard drains.
_STOP_S = 8.0
_PR_SET_PDEATHSIG = 1
# A name of the kernel's own, without a file: it is free again as soon as its holder ends, however that is.
_LOCK = "\0modwarden-lab-zones"


class LabBusyError(OSError):
    """The lab runs, or something of it is still there."""


@dataclass(slots=True)
class Started:
    """One process of the lab."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    is_told: bool = False


@dataclass(slots=True)
class ZonesLab:
    """The lab while it stands."""

    logs: Path
    running: list[Started] = field(default_factory=list)

    def cable(self) -> None:
        """Make the namespaces and everything that connects them; the guard's host forwards nothing yet."""
        for namespace in ZONES.values():
            namespace.add()
        _join_router()
        _join_control()
        _join_field()

    def start(self, name: str, where: Namespace, *command: str) -> Started:
        """Start a process in a namespace; it ends when the lab does, also when the lab is killed."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as said:
            started = Started(name, _start(where.command(*command), said), log)
        self.running.append(started)
        return started

    def ended(self) -> Iterator[Started]:
        """Give each process that is over, once."""
        for one in self.running:
            if not one.is_told and one.process.poll() is not None:
                one.is_told = True
                yield one

    def stop(self) -> None:
        """End what was started; whatever does not end by itself is killed."""
        for one in self.running:
            with suppress(ProcessLookupError):
                one.process.terminate()
        for one in self.running:
            try:
                one.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()


@contextmanager
def zones_lab(logs: Path) -> Iterator[ZonesLab]:
    """
    Stand up the four zones, and take all of them down at the end.

    Raises:
        LabBusyError: another lab runs, or one that was killed left something.
        OSError: the machine does not grant it.
    """
    with _held():
        if left := find_namespaces():
            raise LabBusyError(
                f"an earlier lab left {', '.join(left)}: `modwarden lab zones --down` removes them"
            )
        lab = ZonesLab(logs)
        try:
            lab.cable()
            yield lab
        finally:
            # A second Ctrl-C must not leave a half of it behind; each wait is bounded.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            lab.stop()
            _remove_all()
            signal.signal(signal.SIGINT, before)


def take_down_zones() -> dict[str, list[str]]:
    """
    Remove what a lab left that was killed: by namespace, who is still in it.

    Raises:
        LabBusyError: the lab runs.
    """
    with _held():
        return _remove_all()


def is_serving(process_id: int, ports: Sequence[int]) -> bool:
    """Say whether somebody listens at all of these TCP ports, in the network of a process."""
    found = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            table = Path(f"/proc/{process_id}/net/{name}").read_text(encoding="ascii")
            rows = [line.split() for line in table.splitlines()[1:]]
            # 0A is the kernel's number for a socket that listens.
            found |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    return found.issuperset(ports)


def _remove_all() -> dict[str, list[str]]:
    return {name: remove_namespace(name) for name in find_namespaces()}


@contextmanager
def _held() -> Iterator[None]:
    """Be the only lab of this machine."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(_LOCK)
        except OSError as error:
            raise LabBusyError(f"the lab runs already{_holder()}: Ctrl-C there ends it") from error
        lock.listen(1)
        yield


def _holder() -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking, suppress(OSError):
        # Nobody accepts there: once its queue is full, a connect would wait for ever.
        asking.settimeout(1.0)
        asking.connect(_LOCK)
        pid, _, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return f" (process {pid})"
    return ""


def _join_router() -> None:
    for zone, network in ((ENTERPRISE, "10.30.0"), (DMZ, "10.20.0")):
        ROUTER.join(f"mwl-{zone.short}", zone, "mwl-lan")
        ROUTER.address(f"mwl-{zone.short}", f"{network}.1/24")
        zone.address("mwl-lan", f"{network}.5/24", f"{network}.6/24")
        zone.route("default", f"{network}.1")
    ROUTER.run("sysctl", "-qw", "net.ipv4.ip_forward=1")


def _join_control() -> None:
    """A switch in the control zone joins HMI, router and the guard's host."""
    CONTROL.run("ip", "link", "add", "mwl-lan", "type", "bridge")
    for host, name in ((ROUTER, "mwl-router"), (GATE, "mwl-gate")):
        host.join("mwl-control", CONTROL, name)
        CONTROL.run("ip", "link", "set", name, "master", "mwl-lan")
    CONTROL.run("ip", "link", "set", "mwl-lan", "up")
    CONTROL.address("mwl-lan", "10.10.0.5/24", "10.10.0.6/24")
    ROUTER.address("mwl-control", "10.10.0.1/24")
    GATE.address("mwl-control", "10.10.0.2/24")
    CONTROL.route("default", "10.10.0.1")
    CONTROL.route("10.11.0.0/24", "10.10.0.2")
    ROUTER.route("10.11.0.0/24", "10.10.0.2")
    GATE.route("default", "10.10.0.1")


def _join_field() -> None:
    GATE.join("mwl-field", FIELD, "mwl-lan")
    GATE.address("mwl-field", "10.11.0.254/24")
    FIELD.address("mwl-lan", *(f"10.11.0.{number}/24" for number in range(1, 5)))
    FIELD.route("default", "10.11.0.254")


def load_router_rules(file: Path) -> None:
    """Write the router's rule set, load it, and keep what the kernel made of it."""
    file.write_text(ROUTER_RULES, encoding="utf-8")
    ROUTER.run("nft", "-f", str(file))
    file.write_text(ROUTER.run("nft", "list", "ruleset"), encoding="utf-8")


def load_gate(host: Path) -> None:
    """Load what a guard's host needs, in the order of its units: rules, routes, forwarding."""
    GATE.run("nft", "-f", str(host / "rules.nft"))
    for program in ("routes.sh", "forwarding.sh"):
        GATE.run(str(host / program))


def _start(command: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def end_with_parent() -> None:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The lab may have ended before the kernel was asked.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return subprocess.Popen(  # noqa: S603  (our own words)
        command,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        # Ctrl-C is for the lab, which ends the others in order.
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509  (this process has one thread)
    )
