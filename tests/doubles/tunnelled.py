"""A client and a server at two sites, and a gate at each: what tunnels are tested in."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.netns import Host, cable, hosts
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import Talk

from modwarden.hardening import make_keys, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = "10.77.2.17"
_SITE = """\
modwarden: 1
site: Tunnelled
zones:
  wan:     {level: internet, networks: [198.51.100.0/24]}
  control: {level: control, networks: [10.77.1.0/24]}
  field:   {level: field, networks: [10.77.2.0/24]}
assets:
  gate-a: {zone: control, interfaces: {wan: [198.51.100.1], lan: [10.77.1.1]}, forwards: true}
  gate-b: {zone: field, interfaces: {wan: [198.51.100.2], lan: [10.77.2.1]}, forwards: true}
  hmi-1:  {zone: control, addresses: [10.77.1.5]}
  plc-1:  {zone: field, addresses: [10.77.2.17], unit_ids: [1]}
"""
WIREGUARD = """\
tunnels:
  crossing:
    kind: wireguard
    ends:
      gate-a: {{address: 198.51.100.1, inside: 10.9.0.1, interface: {a}, networks: [10.77.1.0/24]}}
      gate-b:
        {{address: 198.51.100.2, inside: 10.9.0.2, interface: {b}, networks: [10.77.2.0/24], port: 51999}}
"""
IPSEC = """\
tunnels:
  crossing:
    kind: ipsec
    ends:
      gate-a:
        address: 198.51.100.1
        identity: gate-a.plant.example
        certificate: pki/servers/gate-a/current/gate-a.pem
        ca: [pki/plant-ca.pem]
        networks: [10.77.1.0/24]
      gate-b:
        address: 198.51.100.2
        identity: gate-b.plant.example
        certificate: pki/servers/gate-b/current/gate-b.pem
        ca: [pki/plant-ca.pem]
        networks: [10.77.2.0/24]
        ports: [tcp/502]
"""
# What crosses between the sites: the truth of each test.
_WIRE = """\
table netdev wire {
  counter tunnel {}
  counter other {}
  chain arrivals {
    type filter hook ingress device "wan" priority 0; policy accept;
    ether type arp accept
    meta l4proto ipv6-icmp accept comment "neighbours of the cable itself"
    UDP counter name tunnel accept
    counter name other
  }
}
"""


@dataclass
class Tunnelled:
    """The four hosts; files of each gate lie in a folder of its name."""

    client: Host
    gates: dict[str, Host]
    server: Host
    plc: PlcDouble
    folder: Path
    ending: ExitStack = field(default_factory=ExitStack)

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    def harden(self) -> None:
        """As the command does for each gate, with this folder for the places where files are installed."""
        for name in self.gates:
            site = make_keys(load_site(self.site), AssetName(name), self.folder)
            (self.folder / name).mkdir(exist_ok=True)
            if not (self.folder / name / "keys").exists():
                (self.folder / name / "keys").symlink_to("../keys")
            for file in render_host(site, AssetName(name)):
                path = self.folder / name / file.name
                path.write_text(file.text.replace("/etc/modwarden", str(self.folder / name)))
                path.chmod(0o755)

    def start_wireguard(self) -> None:
        for name, gate in self.gates.items():
            program = str(self.folder / name / "wireguard-crossing.sh")
            gate.run(program, stdin=None)
            self.ending.callback(gate.run, program, "stop", check=False)

    def talk(self, *, timeout_s: float = 10.0) -> Talk:
        with self.client.entered():
            return Talk((SERVER, 502), "0.0.0.0", timeout_s=timeout_s)

    def crossed(self) -> dict[str, int]:
        """Packets that arrived at gate-b from the other site so far."""
        return counters(self.gates["gate-b"])


def counters(host: Host) -> dict[str, int]:
    """Give what the named counters of a host have seen."""
    told = json.loads(host.run("nft", "-j", "list", "counters").stdout)
    held = [item["counter"] for item in told["nftables"] if "counter" in item]
    return {counter["name"]: int(counter["packets"]) for counter in held}


def interface_names() -> tuple[str, str]:
    """Give names that no other run here has: userspace WireGuard keeps its sockets in one folder."""
    return f"wg{os.getpid()}a", f"wg{os.getpid()}b"


@contextmanager
def tunnelled(folder: Path, tunnel: str, *, udp: str) -> Iterator[Tunnelled]:
    """Cable the hosts and start the server; the tunnel has not been started."""
    with ExitStack() as ending:
        client, a, b, server = ending.enter_context(hosts("c", "a", "b", "s"))
        cable(a, "lan", client, "eth0")
        cable(a, "wan", b, "wan")
        cable(b, "lan", server, "eth0")
        for host, interface, address in (
            (client, "eth0", "10.77.1.5/24"), (a, "lan", "10.77.1.1/24"), (a, "wan", "198.51.100.1/24"),
            (b, "wan", "198.51.100.2/24"), (b, "lan", "10.77.2.1/24"), (server, "eth0", f"{SERVER}/24"),
        ):  # fmt: skip
            host.ip("addr", "add", address, "dev", interface)
        client.ip("route", "add", "default", "via", "10.77.1.1")
        server.ip("route", "add", "default", "via", "10.77.2.1")
        for gate, other in ((a, "198.51.100.2"), (b, "198.51.100.1")):
            gate.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=1")
            # A tunnel forwards under rules only; these let all pass, for tunnels are what is asked here.
            gate.nft("table inet modwarden_filter { }\n")
            # As at a provider: what has no better way goes out, and would reach the other site in the clear.
            gate.ip("route", "add", "default", "via", other)
        b.nft(_WIRE.replace("UDP", udp))
        plc = ending.enter_context(PlcDouble(SERVER, port=502, enter=server.enter))
        (folder / "site.yaml").write_text(_SITE + tunnel)
        # What is begun in the scene ends before its hosts do.
        with ExitStack() as begun:
            yield Tunnelled(client, {"gate-a": a, "gate-b": b}, server, plc, folder, begun)
