"""Modbus/TCP Security beside HAProxy terminating TLS: requests on open sessions, and full handshakes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.measure import Effort, Load, Window, median, ratios, rounds, running, servers, take_turns, windowed
from bench.processes import CANDIDATE_CPU, ROOT, start
from bench.site_file import REGISTERS, Plan, sources, write_site_file

from modwarden.model import RoleName
from modwarden.pki import Kind, Order, Terms, create_pki, issue, parse_addresses
from modwarden.pki import Plan as PkiPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.processes import Child

ROLE = "Operator"
# The cheapest suite of each version, and the only one that anybody here speaks.
SUITES = {
    "1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    "1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
}
CONNECTIONS = (16, 64)
# Enough to keep a core busy; one client may have 32 under way at the guard.
CROWD = 32
_BIND = (
    "ssl crt {pem} ca-file {root} crl-file {crl} verify required ssl-min-ver TLSv{version} "
    "ssl-max-ver TLSv{version} ciphers {suite} ciphersuites TLS_AES_128_GCM_SHA256 curves P-256"
)
Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trust:
    """The files of a PKI made for one run, on ECDSA P-256."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root, in which all chains end."""
        return self.folder / "root.pem"

    @property
    def crl(self) -> Path:
        """What both sides look for revoked certificates in."""
        return self.folder / "crl.pem"

    @property
    def server(self) -> Path:
        """The folder of the server's certificate and key."""
        return self.folder / "servers" / "gate-1" / "current"

    @property
    def client(self) -> Path:
        """The folder of the client's."""
        return self.folder / "clients" / "hmi-1" / "current"

    def load(self, version: str) -> dict[str, str]:
        """Say what the load speaks."""
        chain, key = self.client / "chain.pem", self.client / "key.pem"
        return {"chain": str(chain), "key": str(key), "version": version, "suite": SUITES[version][1]}


def make_trust(folder: Path) -> Trust:
    """Make a PKI with one server and one client that carries a role."""
    now = datetime.now(UTC).replace(microsecond=0)
    store = create_pki(folder / "pki", PkiPlan("Measured"), now)
    addresses = parse_addresses([f"127.10.1.{last}" for last in range(1, 5)])
    issue(store, Terms(Kind.SERVER, "gate-1", addresses), Order(), now)
    issue(store, Terms(Kind.CLIENT, "hmi-1", role=RoleName(ROLE)), Order(), now)
    return Trust(folder / "pki")


def measure_tls(
    folder: Path, effort: Effort, connections: Sequence[int] = CONNECTIONS
) -> dict[str, list[Case]]:
    """Measure both versions, requests and handshakes, in turns."""
    trust = make_trust(folder)
    found: dict[str, list[Case]] = {"requests": [], "handshakes": []}
    for version in SUITES:
        chosen = [_haproxy(trust, version), _guard(trust, version)]
        with servers(), running(chosen, folder / version) as started:
            for count in connections:
                found["requests"].append(_requests(started, Load(count, tls=trust.load(version)), effort))
                _print(found["requests"][-1], "throughput")
            found["handshakes"].append(_shaken(started, trust, version, effort))
            _print(found["handshakes"][-1], "per_second")
    return found


def _requests(started: Sequence[known.Running], load: Load, effort: Effort) -> Case:
    version = "" if load.tls is None else load.tls["version"]
    return {"version": version, "connections": load.connections, "windows": rounds(started, load, effort)}


def _shaken(started: Sequence[known.Running], trust: Trust, version: str, effort: Effort) -> Case:
    def measured(each: known.Running, others: Sequence[known.Running]) -> Window:
        return _handshakes(each, trust, version, effort, others)

    return {
        "version": version,
        "connections": CROWD,
        "windows": take_turns(started, effort, measured),
    }


def _handshakes(
    candidate: known.Running, trust: Trust, version: str, effort: Effort, others: Sequence[known.Running]
) -> Window:
    settings = {
        "target": candidate.targets[0],
        "sources": list(sources(CROWD)),
        "crowd": CROWD,
        "tls": trust.load(version),
        "per_source": REGISTERS,
        "warm_up_s": effort.warm_up_s,
        "seconds": effort.seconds,
    }
    return windowed(candidate, ("handshakes", settings), others)


def _guard(trust: Trust, version: str) -> known.Candidate:
    """Give the guard with TLS, a role in each rule, and its journal on."""
    files = f"certificate: {trust.server}/chain.pem, key: {trust.server}/key.pem"
    believed = f"trust: [{trust.root}], crls: [{trust.crl}]"
    spoken = f'versions: ["{version}"], suites: [{SUITES[version][0]}]'
    tls = f"tls: {{{files}, {believed}, {spoken}}}"

    def begin(place: known.Place) -> Child:
        plan = Plan(
            place.address, known.PORT, known.SERVER_PORT, servers=place.servers, conduit=(tls,), role=ROLE
        )
        site = write_site_file(place.folder, plan)
        command: list[str | Path] = [sys.executable, ROOT / "bench" / "measured_guard.py", site]
        command += ["--segment-bytes", str(known.SEGMENT_BYTES)]
        return start(command, CANDIDATE_CPU, place.folder / "log")

    return known.Candidate("modwarden", begin)


def _haproxy(trust: Trust, version: str) -> known.Candidate:
    """Give HAProxy that terminates TLS and asks for a client's certificate; it knows no roles of Modbus."""
    pem = trust.folder / "haproxy.pem"
    pem.write_text((trust.server / "chain.pem").read_text() + (trust.server / "key.pem").read_text())
    pem.chmod(0o600)
    named = {"pem": pem, "root": trust.root, "crl": trust.crl, "version": version, "suite": SUITES["1.2"][1]}
    return known.haproxy(bind=_BIND.format(**named))


def _print(case: Case, key: str) -> None:
    windows: dict[str, list[Window]] = case["windows"]
    print(f"\nTLS {case['version']}, {case['connections']} connections, {key}")
    for name, each in windows.items():
        found = [ratios(each, windows["haproxy"], wanted) for wanted in (key, "cpu_us")]
        told = "   ".join(f"{m:.2f} ({low:.2f}-{high:.2f})" for m, low, high in filter(None, found))
        figures = f"{median(each, key):>11.0f}{median(each, 'cpu_us'):>9.2f}{median(each, 'load_busy'):>8.0%}"
        print(f"{name:22}{figures}   {told}", flush=True)
