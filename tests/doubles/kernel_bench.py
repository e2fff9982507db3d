"""
A drawn world as network namespaces, and the first packets of TCP connects through it.

What arrives is noted by the kernel itself: a set of nftables behind all other rules, where a packet
is delivered. So a connect counts when its first packet arrives, whatever becomes of the answer.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.doubles.kernel_worlds import FAMILIES, HOSTS, TCP_PORTS, at, network
from tests.doubles.netns import Host, cable, hosts

if TYPE_CHECKING:
    from contextlib import ExitStack

    from tests.doubles.kernel_worlds import KernelWorld, Leg, Machine

_SEEN = """\
table inet seen {
  set v4 { type ipv4_addr . inet_service; flags dynamic; size 65535; }
  set v6 { type ipv6_addr . inet_service; flags dynamic; size 65535; }
  chain arrivals {
    type filter hook input priority 1000; policy accept;
    iifname "lo" accept
    tcp flags & (syn | ack) == syn meta nfproto ipv4 add @v4 { ip daddr . tcp dport }
    tcp flags & (syn | ack) == syn meta nfproto ipv6 add @v6 { ip6 daddr . tcp dport }
  }
}
"""
_FIRST_TABLE = 100
# What one turn of a busy machine may take; the second round asks again for what a full queue dropped.
_SETTLE_S = 0.25
_MOST_ROUNDS = 6


class KernelBench:
    """Namespaces for segments and machines; a segment's has the addresses of all its plain hosts."""

    def __init__(self, world: KernelWorld, ending: ExitStack) -> None:
        self.world = world
        names = (*world.segments, *(machine.name for machine in world.machines))
        made = ending.enter_context(hosts(*names))
        self.hosts = dict(zip(names, made, strict=True))
        for segment in world.segments:
            self._lay(segment)
        for machine in world.machines:
            self._stand(machine)
        for segment in world.segments:
            self._give_ways_out(segment)
        for host in made:
            host.nft(_SEEN)

    def _lay(self, segment: str) -> None:
        host = self.hosts[segment]
        host.ip("link", "add", "lan", "type", "bridge")
        host.ip("link", "set", "lan", "up")
        host.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        _batch(host, [f"address add {_sized(at(segment, n, f), f)} dev lan" for n in HOSTS for f in FAMILIES])

    def _stand(self, machine: Machine) -> None:
        host = self.hosts[machine.name]
        on = int(machine.forwards)
        host.sysctl(
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
            "net.ipv4.conf.all.send_redirects=0",
            "net.ipv4.conf.default.send_redirects=0",
            f"net.ipv4.ip_forward={on}",
            f"net.ipv6.conf.all.forwarding={on}",
        )
        for leg in machine.legs:
            segment = self.hosts[leg.segment]
            cable(host, leg.name, segment, machine.name)
            segment.ip("link", "set", machine.name, "master", "lan")
        _batch(
            host,
            [
                f"address add {_sized(at(leg.segment, leg.number, f), f)} dev {leg.name}"
                for leg in machine.legs
                for f in FAMILIES
            ],
        )
        if machine.forwards:
            _batch(
                host, [words for target, leg in self.world.routes(machine) for words in _route(target, leg)]
            )
        if machine.rules:
            host.nft(machine.rules)

    def _give_ways_out(self, segment: str) -> None:
        """A table for each router on the segment: whoever is there may choose any for its gateway."""
        words = []
        for number, (_, leg) in enumerate(self.world.on(segment)):
            table = _FIRST_TABLE + number
            for family in FAMILIES:
                via = at(segment, leg.number, family)
                words += [
                    f"-{family} rule add fwmark {table} lookup {table}",
                    f"-{family} route add {network(segment, family)} dev lan table {table}",
                    f"-{family} route add default via {via} dev lan table {table}",
                ]
        for line in words:
            self.hosts[segment].ip(*line.split())

    def reached(self, start: str, expected: set[tuple[str, str, int]]) -> set[tuple[str, str, int]]:
        """
        Give what arrives of connects from every host of a segment to every address there is, by each router.

        A busy machine needs its time: while something expected is missing it is asked for again, a few times.
        """
        found: set[tuple[str, str, int]] = set()
        for number in range(_MOST_ROUNDS):
            self._ask(start)
            time.sleep(_SETTLE_S)
            # Whoever had to be looked for by ARP first lost some of the first round.
            if number:
                found = self._arrived(start)
            if number and expected <= found:
                break
        self._forget()
        return found

    def _ask(self, start: str) -> None:
        with self.hosts[start].entered():
            for number in range(len(self.world.on(start))):
                for family in FAMILIES:
                    for host in HOSTS:
                        self._connect(at(start, host, family), family, _FIRST_TABLE + number)

    def _connect(self, source: str, family: int, mark: int) -> None:
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        for target in self._targets(family):
            for port in TCP_PORTS:
                # Closed at once: the first packet is on its way, and nothing is said twice.
                with socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as link:
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
                    link.bind((source, 0))
                    with suppress(BlockingIOError):
                        link.connect_ex((target, port))

    def _targets(self, family: int) -> list[str]:
        plain = [at(segment, number, family) for segment in self.world.segments for number in HOSTS]
        legs = [leg for machine in self.world.machines for leg in machine.legs]
        return [*plain, *(at(leg.segment, leg.number, family) for leg in legs)]

    def _arrived(self, start: str) -> set[tuple[str, str, int]]:
        found = set()
        for segment in self.world.segments:
            if segment != start:
                found |= {(segment, address, port) for address, port in self._noted(segment)}
        for machine in self.world.machines:
            for address, port in self._noted(machine.name):
                place = self._segment_of(address)
                if machine.forwards:
                    found.add(("router", machine.name, port))
                elif place != start:
                    found.add((place, address, port))
        return found

    def _segment_of(self, address: str) -> str:
        for machine in self.world.machines:
            for leg in machine.legs:
                if address in [at(leg.segment, leg.number, family) for family in FAMILIES]:
                    return leg.segment
        raise AssertionError(f"nobody has {address}")

    def _noted(self, name: str) -> list[tuple[str, int]]:
        told = json.loads(self.hosts[name].run("nft", "-j", "list", "table", "inet", "seen").stdout)
        elements: list[Any] = [
            item for one in told["nftables"] if "set" in one for item in one["set"].get("elem", ())
        ]
        # Sets of two fields print each element as a pair.
        return [(pair[0], int(pair[1])) for pair in (item["concat"] for item in elements)]

    def _forget(self) -> None:
        for host in self.hosts.values():
            host.nft("flush set inet seen v4\nflush set inet seen v6\n")


def _route(target: str, leg: Leg) -> list[str]:
    return [f"route add {network(target, f)} via {at(leg.segment, leg.number, f)}" for f in FAMILIES]


def _batch(host: Host, lines: list[str]) -> None:
    host.run("ip", "-batch", "-", input="\n".join(lines) + "\n")


def _sized(address: str, family: int) -> str:
    return f"{address}/24" if family == 4 else f"{address}/64 nodad"
