"""
IPsec by the generated files: strongSwan's own daemon at each gate, with certificates of `modwarden pki`.

ESP is done by the daemon (kernel-libipsec), since not every kernel has it; that backend does not start a
connection at the first packet, so the tests ask for it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.doubles.charon import CHARON, LIBIPSEC, Charon, charon, lay_out
from tests.doubles.netns import missing_in_kernel
from tests.doubles.talk import read, write
from tests.doubles.tunnelled import IPSEC, Tunnelled, tunnelled

from modwarden.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_tool("nft"),
    pytest.mark.needs_tool("ip"),
    pytest.mark.needs_tool("swanctl"),
    pytest.mark.needs_tool("charon-systemd"),
]
CHILD = "to-gate-b-tcp-502"


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    if not (Path(LIBIPSEC).exists() and Path(CHARON).exists()):
        pytest.skip("libcharon-extra-plugins is not installed")


class Crossing:
    """The scene with a daemon at each gate."""

    def __init__(self, scene: Tunnelled) -> None:
        self.scene = scene
        self.pki = scene.folder / "pki"
        assert main(["pki", "init", str(self.pki), "--name", "Plant"]) == 0
        for gate in scene.gates:
            words = ["--address", f"{gate}.plant.example", "--pki", str(self.pki)]
            assert main(["pki", "issue", "server", gate, *words]) == 0
        scene.harden()
        self.daemons = {name: self._start(name) for name in scene.gates}

    def _start(self, name: str) -> Charon:
        folder = self.scene.folder / name / "swanctl"
        lay_out(folder, self.pki, name)
        (folder / "conf.d").mkdir(exist_ok=True)
        shutil.copy(self.scene.folder / name / "swanctl-crossing.conf", folder / "conf.d" / "crossing.conf")
        return self.scene.ending.enter_context(charon(self.scene.gates[name], folder))

    def load(self) -> list[str]:
        return [daemon.swanctl("--load-all") for daemon in self.daemons.values()]

    def initiate(self) -> str:
        return self.daemons["gate-a"].swanctl("--initiate", "--child", CHILD, check=False)

    def terminate(self) -> None:
        self.daemons["gate-a"].swanctl("--terminate", "--ike", "crossing", check=False)


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    folder = tmp_path_factory.mktemp("ipsec")
    with tunnelled(folder, IPSEC, udp="udp dport { 500, 4500 }") as scene:
        crossing = Crossing(scene)
        crossing.load()
        yield crossing


def test_swanctl_loads_the_file_with_nothing_to_say_against_it(crossing: Crossing) -> None:
    said = crossing.load()

    assert all("successfully loaded 1 connections, 0 unloaded" in text for text in said)
    assert not any("invalid" in text or "unknown" in text for text in said)


def test_modbus_passes_through_ipsec_and_the_wire_shows_only_its_ports(crossing: Crossing) -> None:
    before = crossing.scene.crossed()
    said = crossing.initiate()
    with crossing.scene.talk() as talk:
        talk.ask(write(7, 42))
        answer = talk.ask(read(7))
    after = crossing.scene.crossed()
    association = crossing.daemons["gate-b"].swanctl("--list-sas")
    crossing.terminate()

    assert "initiate completed successfully" in said
    assert answer == bytes.fromhex("0302002a")
    assert crossing.scene.plc.peers[-1] == "10.77.1.5"
    assert "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384" in association
    assert "10.77.2.0/24[tcp/502]" in association
    assert after["tunnel"] - before["tunnel"] >= 4
    assert after["other"] == before["other"]


def test_until_the_tunnel_is_there_its_traffic_waits_and_never_leaves_in_the_clear(
    crossing: Crossing,
) -> None:
    crossing.terminate()
    before = crossing.scene.crossed()["other"]

    with pytest.raises(TimeoutError):
        crossing.scene.talk(timeout_s=2)
    assert crossing.scene.crossed()["other"] == before


def test_a_gate_whose_certificate_is_revoked_is_let_in_no_more(tmp_path: Path) -> None:
    with tunnelled(tmp_path, IPSEC, udp="udp dport { 500, 4500 }") as scene:
        crossing = Crossing(scene)
        assert (
            main(["pki", "revoke", "server", "gate-b", "--reason", "superseded", "--pki", str(crossing.pki)])
            == 0
        )
        for name in scene.gates:
            lay_out(scene.folder / name / "swanctl", crossing.pki, name)
        crossing.load()
        said = crossing.initiate()

        assert "initiate failed" in said
        assert "certificate was revoked" in crossing.daemons["gate-a"].log


def test_without_a_revocation_list_nobody_is_let_in(tmp_path: Path) -> None:
    with tunnelled(tmp_path, IPSEC, udp="udp dport { 500, 4500 }") as scene:
        crossing = Crossing(scene)
        for file in (scene.folder / "gate-a" / "swanctl" / "x509crl").iterdir():
            file.unlink()
        crossing.load()
        said = crossing.initiate()

        assert "initiate failed" in said
        assert "RULE_CRL_VALIDATION is SKIPPED, but requires at least GOOD" in crossing.daemons["gate-a"].log
