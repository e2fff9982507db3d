"""A client, a guard's host and a server, cabled as a plant would: what transparent insertion is tested in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.guard import BODY, GuardChild
from tests.doubles.netns import Host, cable, hosts
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk

from modwarden.guard import choose_guard
from modwarden.hardening import render_host
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SITE = """\
modwarden: 1
site: Diverted
zones:
  field:   {{networks: [{field}]}}
  control: {{networks: [{control}]}}
assets:
  gate-1: {{zone: control, addresses: [{guard}]}}
  hmi-1:  {{zone: control, addresses: [{client}, "fd00:1::5"]}}
  plc-1:  {{zone: field, addresses: [{server}, "fd00:2::17"], unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    insertion: transparent
    transparent: {{clients_on: [c0], servers_on: s0, layout: {layout}{transparent}}}
{options}    servers: {{plc-1: {{}}}}
    rules:
      - {{name: hmi, clients: [hmi-1], permit: [read, write]}}
journal: {{directory: journal}}
"""
# What arrives at the server, and from whom: the truth of each test.
_SEEN = """\
table inet seen {
  counter tcp_modbus {}
  counter udp_modbus {}
  counter from_client {}
  counter from_client6 {}
  chain arrivals {
    type filter hook prerouting priority -450; policy accept;
    tcp dport { 502, 802 } counter name tcp_modbus
    udp dport { 502, 802 } counter name udp_modbus
    ip saddr CLIENT counter name from_client
    ip6 saddr fd00:1::5 counter name from_client6
  }
}
"""


@dataclass(frozen=True)
class Plan:
    """How client and server lie towards each other."""

    layout: str
    client: str
    server: str
    guard: str
    control: str
    field: str


ROUTED = Plan("routed", "10.77.1.5", "10.77.2.17", "10.77.1.1", "10.77.1.0/24", "10.77.2.0/24")
SAME_SUBNET = Plan("same_subnet", "10.77.0.5", "10.77.0.17", "10.77.0.1", "10.77.0.0/28", "10.77.0.16/28")


@dataclass
class NamespacedGuard(GuardChild):
    """The guard in a namespace; files and control socket are where they always are."""

    host: Host | None = None
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def spawn(self) -> None:
        assert self.host is not None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                # `ip netns exec` becomes the guard, so that signals reach it.
                self.host.command(*self.prefix, sys.executable, "-c", self.body, str(self.site)),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )


@dataclass
class Diverted:
    """The three hosts, with the rules of the site file not loaded yet."""

    plan: Plan
    client: Host
    gate: Host
    server: Host
    guard: NamespacedGuard
    plc: PlcDouble
    plc6: PlcDouble
    folder: Path
    ending: ExitStack = field(default_factory=ExitStack)

    def harden(self) -> None:
        """As the command does, without its start."""
        site = load_site(self.guard.site)
        (self.folder / "host").mkdir(exist_ok=True)
        for file in render_host(site, choose_guard(site, None)):
            (self.folder / "host" / file.name).write_text(file.text)
            (self.folder / "host" / file.name).chmod(0o755)

    def load_rules(self) -> None:
        self.harden()
        self.gate.run("nft", "-f", str(self.folder / "host" / "rules.nft"))
        self.gate.run(str(self.folder / "host" / "routes.sh"))

    def forward(self) -> None:
        self.gate.run(str(self.folder / "host" / "forwarding.sh"))

    def start(self) -> None:
        self.load_rules()
        self.forward()
        self.guard.start()

    def talk(self) -> Talk:
        return self.talk_to((self.plan.server, 502))

    def talk6(self) -> Talk:
        return self.talk_to(("fd00:2::17", 502), source="::")

    def talk_to(self, address: tuple[str, int], *, source: str = "0.0.0.0") -> Talk:
        with self.client.entered():
            return Talk(address, source, timeout_s=5.0)

    def arrived(self) -> dict[str, int]:
        """Packets that the server has seen so far."""
        told = json.loads(self.server.run("nft", "-j", "list", "counters", "table", "inet", "seen").stdout)
        counters = [item["counter"] for item in told["nftables"] if "counter" in item]
        return {counter["name"]: int(counter["packets"]) for counter in counters}

    def settled(self) -> dict[str, int]:
        """The same, once a connection's end has nothing more to say."""
        before = self.arrived()
        while True:
            time.sleep(0.3)
            now = self.arrived()
            if now == before:
                return now
            before = now


@contextmanager
def diverted(
    folder: Path, plan: Plan = ROUTED, *, transparent: str = "", options: str = ""
) -> Iterator[Diverted]:
    """Cable the hosts and start the server; the guard has not been started."""
    with ExitStack() as ending:
        client, gate, server = ending.enter_context(hosts("c", "g", "s"))
        _cable(plan, client, gate, server)
        server.nft(_SEEN.replace("CLIENT", plan.client))
        plc = ending.enter_context(PlcDouble(plan.server, port=502, enter=server.enter))
        plc6 = ending.enter_context(PlcDouble("fd00:2::17", port=502, enter=server.enter))
        guard = NamespacedGuard(folder, body=BODY)
        guard.host = gate
        guard.site.write_text(
            _SITE.format(
                layout=plan.layout,
                client=plan.client,
                server=plan.server,
                guard=plan.guard,
                control=f'{plan.control}, "fd00:1::/64"',
                field=f'{plan.field}, "fd00:2::/64"',
                transparent=f", {transparent}" if transparent else "",
                options=f"    {options}\n" if options else "",
            )
        )
        ending.callback(guard.end)
        yield Diverted(plan, client, gate, server, guard, plc, plc6, folder)


def _cable(plan: Plan, client: Host, gate: Host, server: Host) -> None:
    cable(gate, "c0", client, "eth0")
    cable(gate, "s0", server, "eth0")
    _address6(client, gate, server)
    if plan.layout == "routed":
        client.ip("addr", "add", f"{plan.client}/24", "dev", "eth0")
        gate.ip("addr", "add", f"{plan.guard}/24", "dev", "c0")
        gate.ip("addr", "add", "10.77.2.1/24", "dev", "s0")
        server.ip("addr", "add", f"{plan.server}/24", "dev", "eth0")
        client.ip("route", "add", "default", "via", plan.guard)
        server.ip("route", "add", "default", "via", "10.77.2.1")
    else:
        client.ip("addr", "add", f"{plan.client}/24", "dev", "eth0")
        gate.ip("addr", "add", f"{plan.guard}/24", "dev", "c0")
        server.ip("addr", "add", f"{plan.server}/24", "dev", "eth0")
    # As strict as a hardened host: a packet must come from where its sender would be answered.
    gate.sysctl(
        "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.c0.rp_filter=1", "net.ipv4.conf.s0.rp_filter=1"
    )


def _address6(client: Host, gate: Host, server: Host) -> None:
    client.ip("-6", "addr", "add", "fd00:1::5/64", "dev", "eth0")
    gate.ip("-6", "addr", "add", "fd00:1::1/64", "dev", "c0")
    gate.ip("-6", "addr", "add", "fd00:2::1/64", "dev", "s0")
    server.ip("-6", "addr", "add", "fd00:2::17/64", "dev", "eth0")
    client.ip("-6", "route", "add", "default", "via", "fd00:1::1")
    server.ip("-6", "route", "add", "default", "via", "fd00:2::1")


__all__ = ["ROUTED", "SAME_SUBNET", "Diverted", "Plan", "diverted"]
