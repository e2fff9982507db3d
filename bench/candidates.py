"""What is measured: each candidate a process between the load and the same servers."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.processes import CANDIDATE_CPU, LOAD, PATIENCE_S, ROOT, BenchError, Child, start
from bench.site_file import CLIENTS, SERVERS, Plan, write_site_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Every candidate listens on an address of its own, all on the same ports.
PORT = 15001
SERVER_PORT = 15000
# Some 10,000 rows: also at one connection a window seals some, at nearly the cost per row of large ones.
SEGMENT_BYTES = 4 << 20
# The last rows of a window are committed by then.
_COMMITTED_S = 0.3
# So little is used by a process that waits: its core's time in each look.
_LOOK_S, _IDLE_SHARE = 0.2, 0.03
_MOST_SETTLING_S = 120.0
_HAPROXY = """\
global
    nbthread 1
    maxconn {connections}
{tuning}defaults
    mode tcp
    maxconn {connections}
    timeout connect 5s
    timeout client 1h
    timeout server 1h
{defaults}"""
HAPROXY_TUNING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a candidate runs: its folder, its address and how many servers are behind it."""

    folder: Path
    address: str
    servers: int = 1
    clients: tuple[str, ...] = CLIENTS
    # The network namespace in which its clients are.
    clients_within: str | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Each listener and the server behind it."""
        return [
            (f"{self.address}:{PORT + number}", f"{server}:{SERVER_PORT}")
            for number, server in enumerate(SERVERS[: self.servers])
        ]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way from the load to the servers."""

    name: str
    begin: Callable[[Place], Child | None]
    rules: int = 1000


@dataclass(frozen=True, slots=True)
class Edges:
    """Sequences of a record: what lies before `first` is retired, before `live` sealed."""

    first: int
    live: int


@dataclass(slots=True)
class Running:
    """A candidate that answers."""

    candidate: Candidate
    child: Child | None
    place: Place
    targets: list[str] = field(default_factory=list)

    def cpu_ns(self) -> int:
        """CPU time it has used; the direct way has none."""
        return 0 if self.child is None else self.child.cpu_ns()

    @property
    def sealed(self) -> set[str]:
        """Names of the segments that it has sealed and still keeps."""
        return {path.name for path in self._journal.glob("*.parquet")}

    @property
    def edges(self) -> Edges:
        """Where its record and its live segment begin: each segment is named by its first row."""
        live = [int(path.stem) for path in self._journal.glob("*.arrows")]
        sealed = [int(name.partition("-")[0]) for name in self.sealed]
        return Edges(min((*sealed, *live), default=0), max((*sealed, *live), default=0))

    def settle(self) -> None:
        """
        Wait until it has done what its last load left to do; for the guard that is sealing.

        Raises:
            BenchError: it never came to rest.
        """
        if self.child is None:
            return
        if self._journal.is_dir():
            time.sleep(_COMMITTED_S)
        deadline = time.monotonic() + _MOST_SETTLING_S
        while self._is_sealing() or not self._rests():
            if time.monotonic() > deadline:
                raise BenchError(f"{self.candidate.name} does not come to rest after its load")

    @property
    def _journal(self) -> Path:
        return self.place.folder / "journal"

    def _is_sealing(self) -> bool:
        # One segment is live; each further one still waits to be sealed.
        return len(list(self._journal.glob("*.arrows"))) > 1

    def _rests(self) -> bool:
        began, used = time.monotonic_ns(), self.cpu_ns()
        time.sleep(_LOOK_S)
        return self.cpu_ns() - used < _IDLE_SHARE * (time.monotonic_ns() - began)

    def stop(self) -> None:
        """End its process."""
        if self.child is not None:
            self.child.stop()


def launch(candidate: Candidate, place: Place) -> Running:
    """Start a candidate and wait until it listens."""
    child = candidate.begin(place)
    pairs = place.pairs()
    targets = [far if child is None else near for near, far in pairs]
    running = Running(candidate, child, place, targets)
    try:
        for target in (targets[0], targets[-1]):
            _wait_for(target, child)
    except BenchError:
        running.stop()
        raise
    return running


def direct() -> Candidate:
    """No candidate: what the load and the servers can do."""
    return Candidate("direct", lambda _: None)


def relay() -> Candidate:
    """Give the floor: accept, connect, copy."""
    return Candidate(
        "relay",
        lambda place: start(
            [LOAD, "relay", json.dumps({"pairs": place.pairs()})], CANDIDATE_CPU, place.folder / "log"
        ),
    )


def haproxy(
    name: str = "haproxy",
    tuning: tuple[str, ...] = HAPROXY_TUNING,
    defaults: tuple[str, ...] = (),
    bind: str = "",
) -> Candidate:
    """HAProxy as a TCP proxy, one thread; `bind` may put its listeners under TLS."""

    def begin(place: Place) -> Child:
        place.folder.mkdir(parents=True, exist_ok=True)
        config = place.folder / "haproxy.cfg"
        listeners = [
            f"listen l{number}\n    bind {near} {bind}\n    server s {far}\n"
            for number, (near, far) in enumerate(place.pairs())
        ]
        # One descriptor for each listener, beside two for each connection.
        connections = most_connections() - place.servers
        tuned = {"tuning": _lines(tuning), "defaults": _lines(defaults)}
        head = _HAPROXY.format(connections=connections, **tuned)
        config.write_text(head + "\n".join(listeners))
        return start(["haproxy", "-db", "-f", config], CANDIDATE_CPU, place.folder / "log")

    return Candidate(name, begin)


def most_connections() -> int:
    """
    Give how many a proxy can hold under the limit on open files: two each, and some hundred of its own.

    Where the limit is short, the guard keeps an eighth of it for its servers.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (limit - limit // 8 - 400) // 2


def modwarden(
    name: str = "modwarden",
    *options: str,
    rules: int = 1000,
    journal: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> Candidate:
    """Give the guard, whole: Python, data loop, journal and sealing threads."""

    def begin(place: Place) -> Child:
        plan = Plan(place.address, PORT, SERVER_PORT, servers=place.servers, rules=rules, journal=journal)
        site = write_site_file(place.folder, plan)
        command: list[str | Path] = [sys.executable, ROOT / "bench" / "measured_guard.py", site, *options]
        return start(command, CANDIDATE_CPU, place.folder / "log", environment)

    return Candidate(name, begin, rules=rules)


def journalling(name: str = "modwarden", *, rules: int = 1000) -> Candidate:
    """Give the guard with its journal on and sealing."""
    return modwarden(name, "--segment-bytes", str(SEGMENT_BYTES), rules=rules)


def _lines(words: tuple[str, ...]) -> str:
    return "".join(f"    {line}\n" for line in words)


def _wait_for(target: str, child: Child | None) -> None:
    host, port = target.rsplit(":", 1)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        if time.monotonic() > deadline or (child is not None and not child.is_alive()):
            said = "" if child is None else child.log.read_text()
            raise BenchError(f"{target} does not listen: {said}")
        time.sleep(0.05)
