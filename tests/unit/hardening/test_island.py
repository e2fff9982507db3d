"""The island: a way in that looks like OT is cut by its interface, and what cannot be asked is not off."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.doubles.netns import hosts

from modwarden.hardening import HostFile, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Vendor
zones:
  internet: {level: internet, networks: [203.0.113.0/24]}
  control:  {level: control, networks: [10.10.0.0/24]}
  field:    {level: field, networks: [10.11.0.0/24]}
assets:
  firewall:
    zone: control
    interfaces: {wan0: [203.0.113.1], lan0: [10.10.0.1], field0: [10.11.0.1], tun0: []}
    forwards: true
    remote_access: [{kind: vpn, from: internet, interface: tun0, addresses: [10.10.0.200/29]}]
  plc-1: {zone: field, addresses: [10.11.0.5], unit_ids: [1]}
flows:
  service: {from: [10.10.0.200/29], to: [plc-1], ports: [tcp/502]}
"""
NOBODY = 65_534


def files(folder: Path) -> dict[str, HostFile]:
    (folder / "site.yaml").write_text(SITE)
    return {file.name: file for file in render_host(load_site(folder / "site.yaml"), AssetName("firewall"))}


@pytest.mark.parametrize("name", ["island.nft", "island-essential.nft"])
def test_a_vendor_with_an_address_of_ot_is_cut_by_the_interface_before_anything_is_spared(
    name: str, tmp_path: Path
) -> None:
    text = files(tmp_path)[name].text
    forward = text[text.index("chain forward {") : text.index("chain crossing {")]
    cuts = [line.strip() for line in forward.splitlines() if "tun0" in line]

    assert cuts == [
        'iifname "tun0" ip daddr @inside4 goto cut',
        'oifname "tun0" ip saddr @inside4 goto cut',
    ]
    assert forward.index("tun0") < min(forward.index("goto crossing"), (forward + "jump").index("jump"))


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
@pytest.mark.parametrize("word", ["status", "off"])
def test_who_may_not_ask_is_told_nothing_of_the_island_rather_than_that_it_is_off(
    word: str, tmp_path: Path
) -> None:
    written = files(tmp_path)
    with hosts("r") as (router,):
        router.nft(written["island.nft"].text)
        done = subprocess.run(
            router.command("setpriv", f"--reuid={NOBODY}", "--clear-groups", "sh", "-s", word),
            input=written["island.sh"].text,
            capture_output=True,
            text=True,
            check=False,
        )
        asked = router.run("sh", "-s", "status", input=written["island.sh"].text)

    assert (done.returncode, done.stdout) == (3, "")
    assert "island: not known" in done.stderr
    assert asked.stdout == "island: on\n"
