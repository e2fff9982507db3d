"""What begins to forward: only under the rules, all or nothing, and whatever tunnels are there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.doubles.netns import Host, hosts

from modwarden.hardening import HostFile, make_keys, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SITE = """\
modwarden: 1
site: Two sites
zones:
  carrier: {level: dmz, networks: [198.51.100.0/24]}
  control: {level: control, networks: [10.10.0.0/24]}
  pumping: {level: field, networks: [10.40.0.0/24]}
assets:
  router-1:
    zone: carrier
    interfaces: {lan: [10.10.0.1], wan: [198.51.100.1]}
    forwards: true
    routes: [{to: 0.0.0.0/0, via: 198.51.100.254}]
  plc-1: {zone: pumping, addresses: [10.40.0.17], unit_ids: [1]}
tunnels:
  plant:
    kind: wireguard
    ends:
      router-1: {address: 198.51.100.1, inside: 10.9.0.1, interface: wg-plant, networks: [10.10.0.0/24]}
      plc-1: {inside: 10.9.0.2, interface: wg0}
"""
TABLE = "table inet modwarden_filter { }\n"
NAMES = ("lan", "wan", "wg-plant")
AT_REST = {"lan": "0", "wan": "0", "wg-plant": None}


def files(folder: Path) -> dict[str, HostFile]:
    (folder / "site.yaml").write_text(SITE)
    site = load_site(folder / "site.yaml")
    name = AssetName("router-1")
    return {file.name: file for file in render_host(make_keys(site, name, folder), name)}


@pytest.fixture
def router() -> Iterator[Host]:
    with hosts("r") as (router,):
        for name in ("lan", "wan"):
            router.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-far")
            router.sysctl(f"net/ipv4/conf/{name}/forwarding=0")
        yield router


def run(router: Host, file: HostFile, *words: str) -> subprocess.CompletedProcess[str]:
    return router.run("sh", "-s", *words, check=False, input=file.text)


def forwarding(router: Host) -> dict[str, str | None]:
    asked = {
        name: router.run("sysctl", "-n", f"net/ipv4/conf/{name}/forwarding", check=False) for name in NAMES
    }
    return {name: None if done.returncode else done.stdout.strip() for name, done in asked.items()}


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_a_tunnel_that_is_not_there_yet_is_told_and_keeps_no_other_interface_from_forwarding(
    router: Host, tmp_path: Path
) -> None:
    program = files(tmp_path)["forwarding.sh"]
    router.nft(TABLE)
    without = run(router, program)
    began = forwarding(router)
    router.ip("link", "add", "wg-plant", "type", "veth", "peer", "name", "far")
    again = run(router, program)
    complete = forwarding(router)
    stopped = run(router, program, "stop")

    assert (without.returncode, again.returncode, stopped.returncode) == (0, 0, 0)
    assert without.stderr == "wg-plant is not there, and will forward once this has run again\n"
    assert began == {"lan": "1", "wan": "1", "wg-plant": None}
    assert complete == dict.fromkeys(NAMES, "1")
    assert forwarding(router) == dict.fromkeys(NAMES, "0")


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_a_program_that_fails_half_way_leaves_nothing_that_forwards(router: Host, tmp_path: Path) -> None:
    program = files(tmp_path)["forwarding.sh"]
    router.nft(TABLE)
    router.ip("link", "del", "wan")
    done = run(router, program)

    assert done.returncode != 0
    assert forwarding(router) == {"lan": "0", "wan": None, "wg-plant": None}


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_forwarding_ends_where_the_program_finds_no_rules_any_more(router: Host, tmp_path: Path) -> None:
    program = files(tmp_path)["forwarding.sh"]
    router.nft(TABLE)
    assert run(router, program).returncode == 0
    router.run("nft", "flush", "ruleset")
    done = run(router, program)

    assert done.returncode != 0
    assert forwarding(router) == AT_REST


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
@pytest.mark.parametrize(("table", "forwards"), [("", "0"), (TABLE, "1")])
def test_a_routers_tunnel_forwards_under_the_rules_only(
    router: Host, tmp_path: Path, table: str, forwards: str
) -> None:
    program = files(tmp_path)["wireguard-plant.sh"]
    # The interface is there, as after `wireguard-go`; keys and peers are not what is asked here.
    lines = [line for line in program.text.splitlines() if not line.startswith("wg set")]
    router.ip("link", "add", "wg-plant", "type", "veth", "peer", "name", "far")
    router.sysctl("net/ipv4/conf/wg-plant/forwarding=1")
    router.nft(table)
    done = router.run("sh", "-s", input="\n".join(lines) + "\n")

    assert done.stderr == ""
    assert forwarding(router)["wg-plant"] == forwards


def test_a_routers_tunnel_is_made_after_its_rules_and_before_it_forwards(tmp_path: Path) -> None:
    written = files(tmp_path)
    tunnel = written["modwarden-wireguard-plant.service"].text
    forwards = written["modwarden-forwarding.service"].text

    assert named(tunnel, "After") >= {"modwarden-rules.service"}
    assert named(tunnel, "Wants") >= {"modwarden-rules.service"}
    assert named(forwards, "After") >= {"modwarden-rules.service", "modwarden-wireguard-plant.service"}


def test_rules_are_loaded_after_and_again_with_the_service_that_flushes_them_and_forwarding_ends_with_it(
    tmp_path: Path,
) -> None:
    written = files(tmp_path)
    rules = written["modwarden-rules.service"].text

    for key in ("After", "PartOf", "ReloadPropagatedFrom"):
        assert named(rules, key) >= {"nftables.service"}, key
    assert named(written["modwarden-forwarding.service"].text, "Requires") == {"modwarden-rules.service"}


def named(unit: str, key: str) -> set[str]:
    lines = [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]
    return {word for line in lines for word in line.split()}
