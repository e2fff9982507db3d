"""A plant of four segments around one router under the rules written for it, and who reaches whom there."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doubles.netns import Host, cable, hosts

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITE = """\
modwarden: 1
site: Enforced
zones:
  office:  {level: enterprise, networks: [10.30.0.0/24]}
  dmz:     {level: dmz, networks: [10.20.0.0/24]}
  control: {level: control, networks: [10.10.0.0/24]}
  field:   {level: field, networks: [10.11.0.0/24]}
assets:
  firewall:
    zone: dmz
    interfaces: {office0: [10.30.0.1], dmz0: [10.20.0.1], control0: [10.10.0.1], field0: [10.11.0.1]}
    forwards: true
    management: {from: [jump, scada], ports: [tcp/22]}
  gate-1: {zone: control, addresses: [10.10.0.2]}
  scada: {zone: control, addresses: [10.10.0.5]}
  historian: {zone: dmz, addresses: [10.20.0.5]}
  jump: {zone: dmz, addresses: [10.20.0.6]}
  plc-1: {zone: field, addresses: [10.11.0.5], unit_ids: [1]}
flows:
  trends: {from: [office], to: [historian], ports: [tcp/443]}
  alarms: {from: [field], to: [scada], ports: [tcp/8443]}
conduits:
  cell:
    from: [control, dmz]
    to: field
    guard: gate-1
    servers: {plc-1: {listen: "10.10.0.2:1502"}}
    rules:
      - {name: reads, clients: [scada], permit: [read], essential: true}
      - {name: trends, clients: [historian], permit: [read]}
"""
PORTS = (22, 443, 502, 1502, 8443)
# By segment, the hosts that knock and listen there; 99 is nobody's.
SEGMENTS = {
    "office": ("10.30.0.9", "10.30.0.99"),
    "dmz": ("10.20.0.5", "10.20.0.6", "10.20.0.99"),
    "control": ("10.10.0.2", "10.10.0.5", "10.10.0.99"),
    "field": ("10.11.0.5", "10.11.0.99"),
}
ROUTER = ("10.30.0.1", "10.20.0.1", "10.10.0.1", "10.11.0.1")
# The kernel takes connections on its own, as far as the backlog goes.
_LISTENER = """
import socket, sys
held = [socket.create_server(("", int(port)), backlog=1024) for port in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.read()
"""
# Knocks everywhere at once, and says where somebody answered.
_CALLER = """
import json, select, socket, sys, time
asked = json.loads(sys.argv[1])
links = {}
for source in asked["sources"]:
    for target in asked["targets"]:
        for port in asked["ports"]:
            link = socket.socket()
            link.setblocking(False)
            link.bind((source, 0))
            link.connect_ex((target, port))
            links[link] = (source, target, port)
found, quiet_until = [], time.monotonic() + asked["seconds"]
while links and time.monotonic() < quiet_until:
    for link in select.select([], list(links), [], 0.1)[1]:
        place = links.pop(link)
        if link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            found.append(place)
            quiet_until = time.monotonic() + asked["seconds"]
        link.close()
print(json.dumps(found))
"""


def knocked(
    host: Host, sources: tuple[str, ...], targets: tuple[str, ...], seconds: float = 0.7
) -> set[tuple[str, str, int]]:
    """Knock from each address of a host at each target and port at once; give what answered."""
    asked = {"sources": sources, "targets": targets, "ports": PORTS, "seconds": seconds}
    told = host.run(sys.executable, "-c", _CALLER, json.dumps(asked)).stdout
    return {(source, target, port) for source, target, port in json.loads(told)}


@dataclass(frozen=True)
class Enforced:
    """The router and the segments around it."""

    router: Host
    segments: dict[str, Host]
    folder: Path

    def load(self) -> None:
        self.router.run("nft", "-f", str(self.folder / "rules.nft"))

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.router.run(str(self.folder / program), *words, check=False)

    def reached(self, segment: str) -> set[tuple[str, str, int]]:
        """Give who of a segment connects to whom elsewhere, and to the router itself, at which port."""
        elsewhere = [one for name, held in SEGMENTS.items() if name != segment for one in held]
        return knocked(self.segments[segment], SEGMENTS[segment], (*elsewhere, *ROUTER))

    def all_reached(self) -> set[tuple[str, str, int]]:
        return set().union(*(self.reached(segment) for segment in SEGMENTS))

    def refused(self, chain: str) -> int:
        """Count what a chain of the filter has dropped."""
        told = json.loads(
            self.router.run("nft", "-j", "list", "chain", "inet", "modwarden_filter", chain).stdout
        )
        rules = [item["rule"]["expr"] for item in told["nftables"] if "rule" in item]
        return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)


@contextmanager
def enforced(folder: Path) -> Iterator[Enforced]:
    """Cable the segments; the router has its files, and has loaded none."""
    with ExitStack() as ending:
        router, *rest = ending.enter_context(hosts("r", *(name[0] for name in SEGMENTS)))
        segments = dict(zip(SEGMENTS, rest, strict=True))
        for (name, host), own in zip(segments.items(), ROUTER, strict=True):
            _join(router, name, host, own)
            listen(host, ending)
        # What is dropped must be by the rules: the kernel's own check of senders is off.
        router.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        listen(router, ending)
        write(folder, SITE, "firewall")
        yield Enforced(router, segments, folder)


def _join(router: Host, name: str, host: Host, own: str) -> None:
    cable(router, f"{name}0", host, "eth0")
    router.ip("addr", "add", f"{own}/24", "dev", f"{name}0")
    router.sysctl(f"net.ipv4.conf.{name}0.rp_filter=0")
    for address in SEGMENTS[name]:
        host.ip("addr", "add", f"{address}/24", "dev", "eth0")
    host.ip("route", "add", "default", "via", own)


def listen(host: Host, ending: ExitStack) -> None:
    """Listen on every port of a host."""
    command = host.command(sys.executable, "-c", _LISTENER, *map(str, PORTS))
    started = ending.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    ending.callback(started.kill)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"


def write(folder: Path, site: str, asset: str) -> None:
    """Write an asset's files as they are installed, but for the place."""
    (folder / "site.yaml").write_text(site)
    for file in render_host(load_site(folder / "site.yaml"), AssetName(asset)):
        (folder / file.name).write_text(file.text.replace("/etc/modwarden/", f"{folder}/"))
        (folder / file.name).chmod(0o755 if file.is_program else 0o644)
