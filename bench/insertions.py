"""Transparent insertion beside a proxy's: the same load through a host of each, cabled alike."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.candidates import PORT, SEGMENT_BYTES, SERVER_PORT, Candidate, Place, Running
from bench.comparison import print_case
from bench.measure import Effort, Load, rounds
from bench.namespaces import cable, missing, namespace, run_within, within
from bench.processes import CANDIDATE_CPU, PATIENCE_S, ROOT, BenchError, Child, read_line, start, start_load
from bench.site_file import write_rules

from modwarden.guard import ControlClient, ControlError
from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LOADS = (Load(1), Load(16), Load(64))
_RULES = 1000
_SITE = """\
modwarden: 1
site: Measured
zones:
  field:   {{networks: [10.{net}.2.0/24]}}
  control: {{networks: [10.{net}.1.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [10.{net}.1.1]}}
  "hmi-[10-19]": {{zone: control, addresses: ["10.{net}.1.[10-19]"]}}
  plc-1: {{zone: field, addresses: [10.{net}.2.17], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    idle_timeout: 1h
    budgets: {{sessions: 20000, sessions_per_client: 20000}}
{insertion}
    rules:
{rules}
journal: {{directory: journal}}
"""


@dataclass(frozen=True, slots=True)
class Insertion:
    """One way to stand in the path, on a host of its own."""

    name: str
    net: int
    words: str

    @property
    def target(self) -> str:
        """Where clients connect to."""
        return f"10.{self.net}.1.1:{PORT}" if self.name == "proxy" else f"10.{self.net}.2.17:{SERVER_PORT}"

    @property
    def clients(self) -> tuple[str, ...]:
        """Who they are."""
        return tuple(f"10.{self.net}.1.{last}" for last in range(10, 20))


INSERTIONS = (
    Insertion("proxy", 71, f'    servers: {{plc-1: {{listen: "10.71.1.1:{PORT}"}}}}'),
    Insertion(
        "transparent",
        72,
        "    insertion: transparent\n    transparent: {clients_on: [c0], servers_on: s0}\n"
        "    servers: {plc-1: {}}",
    ),
)


def measure_insertions(folder: Path, effort: Effort, loads: Sequence[Load] = LOADS) -> dict[str, Any]:
    """Measure both under each load; where this machine cannot, say why."""
    if (why := missing()) is not None:
        return {"missing": why, "cases": []}
    cases = []
    with _plant(folder) as started:
        for load in loads:
            windows = rounds(started, load, effort)
            cases.append({"connections": load.connections, "writes_percent": 0, "windows": windows})
            print_case(cases[-1])
    return {"missing": None, "cases": cases}


@contextmanager
def _plant(folder: Path) -> Iterator[list[Running]]:
    with ExitStack() as ending:
        clients, servers = (ending.enter_context(namespace(name)) for name in ("clients", "servers"))
        hosts = [ending.enter_context(namespace(insertion.name)) for insertion in INSERTIONS]
        for host, insertion in zip(hosts, INSERTIONS, strict=True):
            _cable(clients, host, servers, insertion)
        server = start_load("serve", {"listen": [f"0.0.0.0:{SERVER_PORT}"]}, within=servers)
        ending.callback(server.wait)
        ending.callback(server.kill)
        read_line(server, PATIENCE_S)
        started = []
        for host, insertion in zip(hosts, INSERTIONS, strict=True):
            running = _launch(folder / insertion.name, insertion, host, clients)
            ending.callback(running.stop)
            started.append(running)
        yield started


def _cable(clients: str, host: str, servers: str, insertion: Insertion) -> None:
    net, name = insertion.net, insertion.name
    cable((host, "c0", f"10.{net}.1.1/24"), (clients, name, f"{insertion.clients[0]}/24"))
    cable((host, "s0", f"10.{net}.2.1/24"), (servers, name, f"10.{net}.2.17/24"))
    for address in insertion.clients[1:]:
        run_within(clients, "ip", "addr", "add", f"{address}/24", "dev", name)
    run_within(clients, "ip", "route", "add", f"10.{net}.2.0/24", "via", f"10.{net}.1.1")
    run_within(servers, "ip", "route", "add", f"10.{net}.1.0/24", "via", f"10.{net}.2.1")


def _launch(folder: Path, insertion: Insertion, host: str, clients: str) -> Running:
    folder.mkdir(parents=True)
    site = folder / "site.yaml"
    rules = write_rules(_RULES)
    site.write_text(
        _SITE.format(net=insertion.net, server_port=SERVER_PORT, insertion=insertion.words, rules=rules)
    )
    _load_rules(site, folder / "host", host)
    guard = [sys.executable, str(ROOT / "bench" / "measured_guard.py"), str(site)]
    command = within(host, *guard, "--segment-bytes", str(SEGMENT_BYTES))

    def begin(place: Place) -> Child:
        return start(command, CANDIDATE_CPU, place.folder / "log")

    candidate = Candidate(insertion.name, begin, rules=_RULES)
    place = Place(folder, "", clients=insertion.clients, clients_within=clients)
    running = Running(candidate, begin(place), place, [insertion.target])
    try:
        _wait_for(running)
    except BenchError:
        running.stop()
        raise
    return running


def _load_rules(site: Path, folder: Path, host: str) -> None:
    """As an operator would."""
    folder.mkdir()
    for file in render_host(load_site(site), AssetName("gate-1")):
        path = folder / file.name
        path.write_text(file.text)
        path.chmod(0o755)
        if file.name == "rules.nft":
            run_within(host, "nft", "-f", str(path))
        elif file.is_program:
            run_within(host, str(path))


def _wait_for(running: Running) -> None:
    control = ControlClient(running.place.folder / "state" / "control.sock")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            control.status()
        except ControlError as error:
            assert running.child is not None
            if time.monotonic() > deadline or not running.child.is_alive():
                said = running.child.log.read_text()
                raise BenchError(f"{running.candidate.name} does not answer: {said}") from error
            time.sleep(0.05)
        else:
            return
