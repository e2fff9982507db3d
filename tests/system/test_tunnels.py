"""Tunnels by the generated files, in network namespaces: Modbus passes, the wire shows nothing else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import wait_until
from tests.doubles.netns import missing_in_kernel
from tests.doubles.talk import read, write
from tests.doubles.tunnelled import SERVER, WIREGUARD, Tunnelled, counters, interface_names, tunnelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doubles.netns import Host

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]


_STRANGERS = """\
table inet strangers {
  counter known {}
  counter strange {}
  chain arrivals {
    type filter hook prerouting priority -450; policy accept;
    ip saddr 10.9.0.1 udp dport 502 counter name known
    ip saddr 10.77.9.1 counter name strange
  }
}
"""


def strangers(scene: Tunnelled) -> dict[str, int]:
    return counters(scene.server)


def knock_udp(host: Host, source: str, to: str) -> None:
    with host.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(b"knock", (to, 502))


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)


@pytest.fixture(scope="module")
def wireguard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnelled]:
    a, b = interface_names()
    folder = tmp_path_factory.mktemp("tunnel")
    with tunnelled(folder, WIREGUARD.format(a=a, b=b), udp="udp dport 51999") as scene:
        scene.harden()
        scene.start_wireguard()
        yield scene


def test_without_any_tunnel_the_wire_shows_modbus_in_the_clear(tmp_path: Path) -> None:
    with tunnelled(tmp_path, "", udp="udp dport 51999") as scene, scene.talk() as talk:
        talk.ask(read(7))
        crossed = scene.crossed()

    assert crossed["tunnel"] == 0
    assert crossed["other"] >= 4


@pytest.mark.needs_tool("wg")
@pytest.mark.needs_tool("wireguard-go")
def test_modbus_passes_through_wireguard_and_the_wire_shows_only_its_port(wireguard: Tunnelled) -> None:
    before = wireguard.crossed()
    with wireguard.talk() as talk:
        talk.ask(write(7, 42))
        answer = talk.ask(read(7))
    after = wireguard.crossed()

    assert answer == bytes.fromhex("0302002a")
    assert wireguard.plc.peers[-1] == "10.77.1.5"
    assert after["tunnel"] - before["tunnel"] >= 4
    assert (before["other"], after["other"]) == (0, 0)


@pytest.mark.needs_tool("wg")
@pytest.mark.needs_tool("wireguard-go")
def test_the_program_may_run_again_while_the_tunnel_carries_a_session(wireguard: Tunnelled) -> None:
    with wireguard.talk() as talk:
        talk.ask(write(8, 1))
        for name, gate in wireguard.gates.items():
            gate.run(str(wireguard.folder / name / "wireguard-crossing.sh"))
        answer = talk.ask(read(8))

    assert answer == bytes.fromhex("03020001")


@pytest.mark.needs_tool("wg")
@pytest.mark.needs_tool("wireguard-go")
def test_a_source_that_allowed_ips_do_not_name_is_dropped_at_the_other_end(wireguard: Tunnelled) -> None:
    gate = wireguard.gates["gate-a"]
    wireguard.server.nft(_STRANGERS)
    gate.ip("addr", "add", "10.77.9.1/32", "dev", "lo")
    try:
        knock_udp(gate, "10.77.9.1", SERVER)
        knock_udp(gate, "10.9.0.1", SERVER)
        wait_until(lambda: strangers(wireguard)["known"] == 1, "the known packet")
    finally:
        gate.ip("addr", "del", "10.77.9.1/32", "dev", "lo")

    assert strangers(wireguard) == {"known": 1, "strange": 0}


@pytest.mark.needs_tool("wg")
@pytest.mark.needs_tool("wireguard-go")
def test_without_the_tunnel_nothing_leaves_in_the_clear_and_the_client_is_told(wireguard: Tunnelled) -> None:
    gate = wireguard.gates["gate-a"]
    program = str(wireguard.folder / "gate-a" / "wireguard-crossing.sh")
    gate.run(program, "stop")
    before = wireguard.crossed()["other"]
    try:
        with pytest.raises(OSError, match="No route to host"):
            wireguard.talk()
        after = wireguard.crossed()["other"]
    finally:
        gate.run(program)

    assert after == before
    with wireguard.talk() as talk:
        assert talk.ask(read(7))[0] == 0x03
