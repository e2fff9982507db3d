"""
The proof against real packets: network namespaces for segments, a router under nftables, and TCP connects.

Invariant tested: over drawn rule sets with NAT, jumps and shadowed rules, what arrives over the router at a
listener is exactly what the proof says is reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.doubles.drawn_worlds import ANYBODY, SEGMENTS, Drawn, address, plain_world, proven, worlds
from tests.doubles.kernel_bench import KernelBench
from tests.doubles.kernel_worlds import KernelWorld, ProvenWorld, kernel_worlds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_tool("nft"),
    pytest.mark.needs_tool("ip"),
]
PORTS = (22, 502, 8502, 600, 1)
HOSTS = (11, 12, ANYBODY)

# Accepts on all ports, and writes down the address and port of each accepted connection.
LISTENER = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    server = socket.create_server(("", port), backlog=1024)
    server.setblocking(False)
    chosen.register(server, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        try:
            link, _ = key.fileobj.accept()
        except OSError:
            continue
        print(*link.getsockname(), flush=True)
        link.close()
"""
# Connects from each source to each target at once, and gives them a while.
CALLER = """
import json, socket, sys, time
asked = json.loads(sys.argv[1])
links = []
for source in asked["sources"]:
    for target in asked["targets"]:
        for port in asked["ports"]:
            link = socket.socket()
            link.setblocking(False)
            link.bind((source, 0))
            link.connect_ex((target, port))
            links.append(link)
time.sleep(asked["seconds"])
"""


class Bench:
    """Namespaces for the segments of one drawn world and for its router."""

    def __init__(self, drawn: Drawn, ending: ExitStack) -> None:
        self.prefix = f"mw{os.getpid()}"
        self.legs = drawn.routers["r0"]
        for name in ("r", *self.legs):
            _run("ip", "netns", "add", f"{self.prefix}{name}")
            ending.callback(_run, "ip", "netns", "del", f"{self.prefix}{name}")
            self.inside(name, "ip", "link", "set", "lo", "up")
        self.inside("r", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        for leg in self.legs:
            self._join(leg)
        self.inside("r", "nft", "-f", "-", words=drawn.rulesets["r0"])
        self.listeners = {leg: self._listener(leg, ending) for leg in self.legs}

    def _join(self, leg: str) -> None:
        ours, router = f"{self.prefix}{leg}", f"{self.prefix}r"
        _run(
            "ip",
            "link",
            "add",
            "out",
            "netns",
            ours,
            "type",
            "veth",
            "peer",
            "name",
            f"to-{leg}",
            "netns",
            router,
        )
        for host in HOSTS:
            self.inside(leg, "ip", "addr", "add", f"{address(leg, host)}/24", "dev", "out")
        self.inside("r", "ip", "addr", "add", f"{address(leg, 1)}/24", "dev", f"to-{leg}")
        self.inside(leg, "ip", "link", "set", "out", "up")
        self.inside("r", "ip", "link", "set", f"to-{leg}", "up")
        self.inside(leg, "ip", "route", "add", "default", "via", str(address(leg, 1)))

    def inside(self, name: str, *command: str, words: str | None = None) -> None:
        _run("ip", "netns", "exec", f"{self.prefix}{name}", *command, words=words)

    def _listener(self, leg: str, ending: ExitStack) -> subprocess.Popen[bytes]:
        ports = [str(port) for port in PORTS]
        command = ["ip", "netns", "exec", f"{self.prefix}{leg}", sys.executable, "-c", LISTENER, *ports]
        started = subprocess.Popen(command, stdout=subprocess.PIPE)
        ending.enter_context(started)
        ending.callback(started.kill)
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        os.set_blocking(started.stdout.fileno(), False)
        return started

    def reached(self, start: str) -> set[tuple[str, int, int]]:
        targets = [str(address(leg, host)) for leg in SEGMENTS for host in (*HOSTS, 1)]
        sources = [str(address(start, host)) for host in HOSTS]
        asked = {"sources": sources, "targets": targets, "ports": PORTS, "seconds": 0.5}
        self.inside(start, sys.executable, "-c", CALLER, json.dumps(asked))
        return self._until_quiet(start)

    def _until_quiet(self, start: str) -> set[tuple[str, int, int]]:
        """Take what arrived, until for a while nothing more does: a busy machine needs its time."""
        found: set[tuple[str, int, int]] = set()
        quiet = 0
        while quiet < 4:
            time.sleep(0.1)
            new = {arrival for leg in self.legs if leg != start for arrival in self._arrived(leg)} - found
            quiet = 0 if new else quiet + 1
            found |= new
        return found

    def _arrived(self, leg: str) -> list[tuple[str, int, int]]:
        stream = self.listeners[leg].stdout
        assert stream is not None
        text = b""
        with suppress(BlockingIOError):
            while piece := os.read(stream.fileno(), 1 << 20):
                text += piece
        found = [line.split() for line in text.decode().splitlines()]
        return [(leg, int(host.rpartition(".")[2]), int(port)) for host, port in found]

    def forget(self) -> None:
        """Drop what arrived on the segment that asked, of packets that came back to it."""
        for leg in self.legs:
            self._arrived(leg)


def _run(*command: str, words: str | None = None) -> None:
    subprocess.run(command, check=True, input=words, text=True, capture_output=True)


@settings(
    max_examples=int(os.environ.get("KERNEL_WORLDS", "6")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(drawn=worlds(most_routers=1, most_hosts=0))
def test_real_packets_reach_exactly_what_the_proof_reaches(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn
) -> None:
    folder: Path = tmp_path_factory.mktemp("kernel")
    plain = plain_world(drawn)
    with ExitStack() as ending:
        bench = Bench(drawn, ending)
        for start in bench.legs:
            real = bench.reached(start)
            bench.forget()
            expected = {
                (zone, number & 0xFF, port)
                for zone, number, protocol, port in proven(drawn, folder, start, plain)
                if zone != start and protocol == 6 and number & 0xFF in HOSTS and zone in bench.legs
            }

            assert real == expected, drawn.rulesets


@settings(
    max_examples=int(os.environ.get("KERNEL_WORLDS", "4")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(world=kernel_worlds())
def test_through_routers_in_a_row_with_both_ip_versions_arrives_exactly_what_the_proof_says(
    tmp_path_factory: pytest.TempPathFactory, world: KernelWorld
) -> None:
    proof = ProvenWorld(world, tmp_path_factory.mktemp("kernel"))
    with ExitStack() as ending:
        bench = KernelBench(world, ending)
        for start in world.segments:
            expected = proof.reached(start)
            real = bench.reached(start, expected)
            told = (start, world.site(), [machine.rules for machine in world.machines])

            assert (real - expected, expected - real) == (set(), set()), told
