"""Switches that listen to MLD: what they ask reaches the host, so that IPv6 goes on behind them."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import wait_until
from tests.doubles.netns import Host, cable, hosts

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Two segments
zones:
  control: {level: control, networks: ["fd00:10::/64"]}
  field:   {level: field, networks: ["fd00:11::/64"]}
assets:
  router:
    zone: control
    interfaces: {lan0: ["fd00:10::1"], field0: ["fd00:11::1"]}
    forwards: true
"""
_ALL_NODES = "ff02::1"
_RAW_ICMPV6 = socket.IPPROTO_ICMPV6
# RFC 3810 §5.1: a general query, which any address of `::` asks for; the kernel fills the checksum in.
_QUERY = struct.pack("!BBHHH16sBBH", 130, 0, 0, 1000, 0, bytes(16), 2, 125, 0)
_COUNTED = """\
table inet counted {
    counter queries { }
    chain input {
        type filter hook input priority filter + 10;
        icmpv6 type mld-listener-query counter name queries
    }
}
"""


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_a_query_of_a_switch_reaches_the_host_under_its_rules(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    files = {one.name: one for one in render_host(load_site(tmp_path / "site.yaml"), AssetName("router"))}
    with hosts("r", "s") as (router, switch):
        cable(router, "lan0", switch, "eth0")
        router.nft(files["rules.nft"].text)
        router.nft(_COUNTED)
        with switch.entered():
            asking = socket.socket(socket.AF_INET6, socket.SOCK_RAW, _RAW_ICMPV6)
            eth0 = socket.if_nametoindex("eth0")
        with asking:
            asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
            wait_until(lambda: is_sent(asking, eth0), "the link")
        wait_until(lambda: "packets 0 " not in queries(router), "the query")

        assert "packets 1 " in queries(router)


def is_sent(asking: socket.socket, interface: int) -> bool:
    """Try to send it; until the link has an address of its own there is no way."""
    try:
        asking.sendto(_QUERY, (_ALL_NODES, 0, 0, interface))
    except OSError:
        return False
    return True


def queries(router: Host) -> str:
    return router.run("nft", "list", "counter", "inet", "counted", "queries").stdout
