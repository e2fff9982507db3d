"""Addresses, routes, forwarding, listeners and tunnels of a host against what the site file says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.drift.conftest import POLICIES, ROUTES, SETTINGS, SOCKETS, addresses, socket

from modwarden.model import Severity

if TYPE_CHECKING:
    from tests.unit.drift.conftest import HostFiles

TUNNELS = """\
tunnels:
  pumping:
    kind: wireguard
    ends:
      fw: {address: 10.30.0.1, port: 51820, interface: wg0, inside: 10.9.0.1, networks: [10.10.0.0/24]}
      scada-2: {interface: wg0, inside: 10.9.0.2, networks: [10.50.0.0/24]}
"""
FAR = "  scada-2: {zone: far, addresses: [10.50.0.5]}\n"
PEER = "wg0\tKEY2\t(hidden)\t(none)\t10.9.0.2/32,10.50.0.0/24\t0\t0\t0\toff\n"
HEAD = "wg0\t(hidden)\tKEY1\t51820\toff\n"
# Ports 22, 502, 8080 and 40000, in hex as /proc/net has them.
LISTENS = {22: "0016", 502: "01F6", 8080: "1F90", 40_000: "9C40"}


def routes(*more: dict[str, Any]) -> str:
    return json.dumps([*ROUTES, *more])


def listening(*ports: int, local: str = "00000000") -> str:
    return SOCKETS + "".join(socket(f"{local}:{LISTENS[port]}", "0A", port) for port in ports)


def test_a_leg_into_another_zone_an_address_that_is_gone_and_one_on_another_interface(
    host: HostFiles,
) -> None:
    more = addresses(it="10.10.0.77/24")
    assert host.found(**{"addresses.json": more}) == [
        ("drift-address", "fw: opens a leg into control: 10.10.0.77 on it, not in the site file")
    ]
    swapped = addresses().replace('"dmz"', '"x"').replace('"ot"', '"dmz"').replace('"x"', '"ot"')
    found = host.found(**{"addresses.json": swapped})
    assert [name for name, _ in found] == ["drift-address", "drift-address"]
    assert found[0][1] == "fw: 10.20.0.1 is on ot, and dmz in the site file"
    gone = addresses().replace("10.20.0.1", "127.0.0.2")
    assert ("drift-address", "fw: 10.20.0.1 is on none of its interfaces") in host.found(
        **{"addresses.json": gone}
    )


def test_a_prefix_that_takes_other_zones_for_neighbours_is_named(host: HostFiles) -> None:
    found = host.found(
        **{
            "addresses.json": addresses().replace(
                '"10.20.0.1", "prefixlen": 24', '"10.20.0.1", "prefixlen": 8'
            )
        }
    )

    assert [what for _, what in found] == [
        "fw: takes 10.30.0.0/24 of enterprise for on link at dmz (10.0.0.0/8)",
        "fw: takes 10.10.0.0/24 of control for on link at dmz (10.0.0.0/8)",
    ]


def test_a_route_too_many_opens_a_way_and_one_too_few_closes_it(host: HostFiles) -> None:
    more = routes({"dst": "default", "gateway": "10.20.0.254", "dev": "dmz"})
    less = json.dumps(ROUTES[1:])
    way = "fw: opens a way to 0.0.0.0/0 (enterprise, dmz, control)"

    assert host.found(**{"routes4.json": more}) == [
        ("drift-route", f"{way}: route 0.0.0.0/0 via 10.20.0.254 dev dmz, not in the site file")
    ]
    assert host.found(**{"routes4.json": less}) == [
        ("drift-route", "fw: closes the way to 10.40.0.0/16 by 10.30.0.9: the route is not loaded")
    ]


def test_every_hop_of_a_route_with_several_is_looked_at(host: HostFiles) -> None:
    hops = [
        {"gateway": "10.30.0.9", "dev": "it"},
        {"via": {"family": "inet", "host": "10.30.0.8"}, "dev": "it"},
    ]
    rest = [route for route in ROUTES if route["dst"] != "10.40.0.0/16"]
    found = host.found(**{"routes4.json": json.dumps([*rest, {"dst": "10.40.0.0/16", "nexthops": hops}])})

    (what,) = [what for _, what in found]
    assert what.endswith(
        "10.40.0.0/16 (no declared zone): route 10.40.0.0/16 via 10.30.0.8 dev it, not in the site file"
    )


def test_where_the_site_file_says_nothing_of_routes_none_is_wrong(host: HostFiles) -> None:
    host.site = host.site.replace("    routes: [{to: 10.40.0.0/16, via: 10.30.0.9}]\n", "")

    assert (
        host.found(**{"routes4.json": routes({"dst": "default", "gateway": "10.20.0.254", "dev": "dmz"})})
        == []
    )


def test_a_rule_that_leads_to_another_routing_table_is_named_with_what_is_in_it(host: HostFiles) -> None:
    rule = {"priority": 100, "src": "10.10.0.0", "srclen": 24, "table": "77"}
    files = {
        "rules4.json": json.dumps([*POLICIES, rule]),
        "routes4.json": routes({"dst": "default", "gateway": "10.30.0.254", "dev": "it", "table": "77"}),
    }

    rule_words = "ip -4 rule 100: src 10.10.0.0 srclen 24 lookup 77"
    way = "route 0.0.0.0/0 via 10.30.0.254 dev it"
    assert host.found(**files) == [
        ("drift-route", f"fw: opens other ways by policy routing: {rule_words} ({way})")
    ]


def test_a_router_that_does_not_forward_closes_and_a_host_that_does_opens(host: HostFiles) -> None:
    off = json.dumps({**SETTINGS, "ipv4/ip_forward": "0", "ipv4/conf/it/forwarding": "0"})

    assert host.found(**{"settings.json": off}) == [
        ("drift-forwarding", "fw: closes every way through it: it does not forward IPv4")
    ]
    host.asset = "jump"
    look = host.look(**{"addresses.json": None})
    assert [one.message for one in look.findings if one.name == "drift-forwarding"] == [
        "jump: opens ways through it: it forwards IPv4 on it"
    ]


def test_what_listens_undeclared_is_named_with_who_holds_it_and_loopback_is_nobodys_business(
    host: HostFiles,
) -> None:
    holders = json.dumps({"8080": "python3"})
    own = socket("0100007F:1F90", "0A", 9)
    by = "tcp 0.0.0.0:8080 (held by python3)"
    found = host.found(tcp=listening(22, 8080) + own, **{"holders.json": holders})

    assert found == [
        (
            "drift-listener",
            f"fw: opens tcp/8080: {by} listens, and the site file does not say so",
        )
    ]


def test_an_address_of_ipv6_is_read_word_by_word(host: HostFiles) -> None:
    listener = socket("B80D0120000030000000000001000000:1F90", "0A", 7)
    found = host.found(tcp6=SOCKETS + listener)

    assert "tcp [2001:db8:30::1]:8080 listens" in found[0][1]


def test_a_socket_on_a_port_that_the_kernel_gives_out_is_only_a_note(host: HostFiles) -> None:
    look = host.look(udp=SOCKETS + socket("00000000:9C40", "07", 5))

    assert [(one.name, one.severity) for one in look.findings] == [("drift-listener", Severity.NOTE)]
    assert not look.differs
    assert look.evidence.findings == ()


def test_a_relay_that_does_not_listen_closes_its_port(host: HostFiles) -> None:
    host.asset = "jump"
    look = host.look(**{"addresses.json": None, "settings.json": None})

    assert [one.message for one in look.findings] == [
        "jump: closes tcp/22: nothing listens there, and the relay is declared to"
    ]


def test_a_peer_a_network_and_an_interface_of_wireguard_that_nobody_declared(host: HostFiles) -> None:
    host.site = (
        host.site.replace("assets:\n", "  far: {level: 1, networks: [10.50.0.0/24]}\nassets:\n")
        + FAR
        + TUNNELS
    )
    host.files = {"addresses.json": addresses(wg0="10.9.0.1/32")}
    strange = "wg0\tKEY3\t(hidden)\t(none)\t10.60.0.0/16\t0\t0\t0\toff\n"
    other = "wg7\t(hidden)\tKEY9\t1\toff\nwg7\tKEY8\t(hidden)\t(none)\t0.0.0.0/0\t0\t0\t0\toff\n"

    assert host.found(**{"wireguard.dump": HEAD + PEER}) == []
    elsewhere = [what for _, what in host.found(**{"wireguard.dump": HEAD + PEER + other})]
    here = json.dumps([*json.loads(addresses(wg0="10.9.0.1/32")), {"ifname": "wg7", "addr_info": []}])
    files = {"addresses.json": here, "wireguard.dump": HEAD + PEER + strange + other}
    found = [what for _, what in host.found(**files)]
    # A socket of another namespace's is listed as well.
    assert elsewhere == []
    assert found[0] == "fw: opens a tunnel: wg7 runs with 0.0.0.0/0 behind it, not in the site file"
    assert found[1] == "fw: opens the tunnel pumping to 10.60.0.0/16: allowed here, and not in the site file"
    less = host.found(**{"wireguard.dump": HEAD + PEER.replace(",10.50.0.0/24", "")})
    assert less == [
        (
            "drift-tunnel",
            "fw: closes the tunnel pumping to 10.50.0.0/24: not allowed here any more",
        )
    ]
    assert [what for _, what in host.found(**{"wireguard.dump": ""})] == [
        "fw: closes the tunnel pumping: there is no wg0"
    ]


def test_a_host_as_it_should_be_is_no_finding_and_bears_out_its_assumptions(host: HostFiles) -> None:
    look = host.look(tcp=listening(22))

    assert (look.findings, look.remarks) == ((), ())
    assert [claim.assumption for claim in look.evidence.claims] == ["ruleset:fw:fw.nft", "routes:fw"]


def test_what_was_not_seen_is_said_and_bears_out_nothing(host: HostFiles) -> None:
    look = host.look(**{"nft.json": None, "routes6.json": None, "tcp": "no such table\nx"})

    assert look.remarks == (
        "not seen: nft.json: it is not there",
        "not seen: routes6.json: it is not there",
        "not seen: tcp: it is not as its program writes it (list index out of range)",
    )
    assert look.evidence.claims == ()


@pytest.mark.parametrize("table", ["local", "default"])
def test_a_route_in_a_table_that_the_kernel_asks_beside_main_opens_a_way(host: HostFiles, table: str) -> None:
    more = routes({"dst": "10.50.0.0/16", "gateway": "10.20.0.254", "dev": "dmz", "table": table})

    ((name, what),) = host.found(**{"routes4.json": more})
    way = "opens a way to 10.50.0.0/16 (no declared zone): route 10.50.0.0/16 via 10.20.0.254 dev dmz"
    assert (name, what) == ("drift-route", f"fw: {way}, not in the site file")


def with_links(*more: dict[str, Any]) -> str:
    return json.dumps([*json.loads(addresses()), *({"addr_info": [], **one} for one in more)])


def test_a_bridge_over_ports_without_addresses_and_an_interface_that_is_up_are_named(
    host: HostFiles,
) -> None:
    bridge = {"ifname": "br0", "flags": ["BROADCAST", "UP"]}
    ports = ({"ifname": name, "master": "br0", "flags": ["UP"]} for name in ("p1", "p2"))
    spare = {"ifname": "spare", "flags": ["BROADCAST"]}

    assert host.found(**{"addresses.json": with_links(bridge, *ports, spare)}) == [
        ("drift-interface", "fw: opens ways below its rules: p1 is a port of br0"),
        ("drift-interface", "fw: opens ways below its rules: p2 is a port of br0"),
        ("drift-interface", "fw: opens a leg into nobody knows where: br0 is up, not in the site file"),
    ]


def test_a_port_of_a_declared_interface_is_a_note_and_a_declared_one_in_another_is_not(
    host: HostFiles,
) -> None:
    below = host.look(**{"addresses.json": with_links({"ifname": "p1", "master": "ot"})})
    joined = addresses().replace('{"ifname": "it"', '{"master": "ot", "ifname": "it"')

    assert [(one.name, one.severity) for one in below.findings] == [("drift-interface", Severity.NOTE)]
    assert host.found(**{"addresses.json": joined}) == [
        ("drift-interface", "fw: opens ways below its rules: it is a port of ot")
    ]


XFRM = """\
src 10.30.0.0/24 dst 10.10.0.0/24
\tdir fwd priority 0
\ttmpl src 1.1.1.1 dst 2.2.2.2
\t\tproto esp reqid 0 mode tunnel
src 0.0.0.0/0 dst 0.0.0.0/0
\tsocket in priority 0
"""


def test_a_policy_of_ipsec_that_no_tunnel_has_opens_a_way(host: HostFiles) -> None:
    assert host.found(**{"xfrm.policy": XFRM}) == [
        (
            "drift-tunnel",
            "fw: opens a way by IPsec: src 10.30.0.0/24 dst 10.10.0.0/24 dir fwd, not in the site file",
        )
    ]
    unseen = host.look(**{"xfrm.policy": None})
    assert "routes:fw" not in [claim.assumption for claim in unseen.evidence.claims]


def test_rules_of_the_old_iptables_are_compared_and_bear_out_nothing_where_nobody_prints_them(
    host: HostFiles,
) -> None:
    unseen = host.look(**{"iptables-legacy.v4": None})
    drop = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"

    assert "ruleset:fw:fw.nft" not in [claim.assumption for claim in unseen.evidence.claims]
    assert unseen.not_compared == ("rules of iptables-legacy",)
    assert {name for name, _ in host.found(**{"iptables-legacy.v4": drop})} == {"drift-closes"}


def test_where_no_interface_was_seen_a_relay_is_not_said_to_forward_nothing(host: HostFiles) -> None:
    host.asset = "jump"
    seen, unseen = (host.look(**files) for files in ({}, {"addresses.json": None}))

    assert "relay:jump" in [claim.assumption for claim in seen.evidence.claims]
    assert "relay:jump" not in [claim.assumption for claim in unseen.evidence.claims]
