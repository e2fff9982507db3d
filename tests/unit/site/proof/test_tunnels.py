"""A tunnel is a path from end to end: as wide as its selectors and both ends' rule sets, and no wider."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.site.proof.conftest import SITE

FAR = """\
  far:
    zone: pumping
    interfaces: {wan: [203.0.113.9], lan: [10.40.0.1]}
    forwards: true
    routes: [ROUTES]
    rulesets: [{file: far.nft}]
  plc-9: {zone: pumping, addresses: [10.40.0.17], unit_ids: [1]}
"""
WIREGUARD = """\
tunnels:
  crossing:
    kind: wireguard
    ends:
      fw: {address: 203.0.113.1, inside: 10.9.0.1, interface: wg0, networks: [10.30.0.0/16]}
      far: {address: 203.0.113.9, inside: 10.9.0.2, interface: wg1, networks: [10.40.0.0/24]}
"""
IPSEC = """\
tunnels:
  crossing:
    kind: ipsec
    ends:
      fw: {address: 203.0.113.1, identity: fw, certificate: a.pem, ca: [c.pem], networks: [10.30.0.0/16]}
      far: {address: 203.0.113.9, identity: far, certificate: b.pem, ca: [c.pem], networks: [10.40.0.0/24]}
"""
INTO = 'iifname "it" oifname "wg0" accept'
FROM_WAN = 'ip saddr 10.30.0.0/16 iifname "wan" oifname "lan" tcp dport 502 accept'
OUT = 'iifname "wg1" oifname "lan" tcp dport 502 accept'


@pytest.fixture
def prove(ground: Any) -> Any:
    """Prove the usual site with another one at the far end of a tunnel."""

    def proven(
        tunnel: str,
        near: str,
        far: str,
        *,
        site: str = SITE,
        more: str = "",
        is_cut_off: bool = False,
        far_end: str = FAR,
    ) -> Any:
        whole = site.replace("assets:\n", "  pumping: {level: 0, networks: [10.40.0.0/24]}\nassets:\n")
        policy = "type filter hook forward priority filter; policy drop;"
        closed = f"  chain input {{\n    {policy.replace('forward', 'input')}\n  }}\n"
        text = f"table inet filter {{\n{closed}  chain forward {{\n    {policy}\n    {far}\n  }}\n}}\n"
        (ground.folder / "far.nft").write_text(text)
        return ground.prove(
            near,
            more=far_end.replace("    routes: [ROUTES]\n", "    routes: []\n" if is_cut_off else "")
            + more
            + tunnel,
            site=whole,
        )

    return proven


def messages(proof: Any) -> list[str]:
    return [finding.message for finding in proof.findings]


REACHED = "enterprise reaches pumping: 1 asset (plc-9) on tcp/502"


def test_it_into_a_tunnel_and_out_of_it_is_a_path_told_hop_by_hop(prove: Any) -> None:
    proof = prove(WIREGUARD, INTO, OUT)

    assert messages(proof) == [REACHED]
    assert [hop.text for hop in proof.findings[0].evidence] == [
        "from enterprise (10.30.0.0/16, 2001:db8:30::/64)",
        f"fw: `{INTO}`",
        "the wireguard tunnel crossing carries it from fw to far",
        f"far: `{OUT}`",
        "plc-9 (10.40.0.17) in pumping answers: tcp/502",
    ]


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ('iifname "dmz" oifname "wg0" accept', OUT),
        ('iifname "it" oifname "wan" accept', OUT),
        (INTO, 'ip saddr 10.30.0.0/16 iifname "wan" oifname "lan" tcp dport 502 accept'),
        (INTO, 'ip saddr 10.20.0.0/24 iifname "wg1" accept'),
    ],
)
def test_either_end_closes_it(prove: Any, near: str, far: str) -> None:
    assert messages(prove(WIREGUARD, near, far)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("[10.30.0.0/16]", "[10.20.0.0/24]"), ("[10.40.0.0/24]}", "[10.41.0.0/24]}")],
)
def test_what_allowed_ips_do_not_name_does_not_pass(prove: Any, before: str, after: str) -> None:
    tunnel = WIREGUARD.replace(before, after)

    assert tunnel != WIREGUARD
    assert messages(prove(tunnel, INTO, OUT)) == []


def test_masquerading_into_the_tunnel_is_the_address_inside(ground: Any, prove: Any) -> None:
    del ground
    # Nothing of enterprise is in allowed_ips; the address inside is, and the router writes it.
    tunnel = WIREGUARD.replace("[10.30.0.0/16]", "[10.20.0.0/24]")
    nat = 'table ip nat { chain post { type nat hook postrouting priority 100; oifname "wg0" masquerade } }'
    near = f"{INTO}\n  }}\n}}\n{nat}\ntable inet more {{\n  chain unused {{"

    assert messages(prove(tunnel, near, OUT)) == [REACHED]


def test_an_interface_that_no_tunnel_brings_is_refused(ground: Any) -> None:
    (problem,) = ground.refusals('iifname "wg0" accept')

    assert "names the interface 'wg0'" in problem.what


def test_what_ipsec_carries_appears_at_the_interface_of_the_outer_address(prove: Any) -> None:
    near = 'iifname "it" ip daddr 10.40.0.0/24 accept'

    assert messages(prove(IPSEC, near, FROM_WAN)) == [REACHED]
    assert messages(prove(IPSEC, near, 'ip saddr 10.30.0.0/16 iifname "lan" tcp dport 502 accept')) == []


def test_ports_narrow_an_ipsec_tunnel_and_replies_from_them_pass(prove: Any) -> None:
    narrow = IPSEC.replace("[10.40.0.0/24]}", "[10.40.0.0/24], ports: [tcp/502]}")
    routes = "    routes: []\n    forwards: true\n"
    site = SITE.replace("    forwards: true\n", routes)
    there = messages(prove(narrow, 'iifname "it" accept', 'iifname "wan" accept', site=site, is_cut_off=True))
    far = 'iifname "lan" tcp sport {} accept'
    back = messages(prove(narrow, "accept", far.format(502), site=site, is_cut_off=True))
    other = messages(prove(narrow, "accept", far.format(503), site=site, is_cut_off=True))

    assert REACHED in there
    assert any(text.startswith("pumping reaches enterprise: 1 asset (pc-1) on tcp") for text in back)
    assert not any(text.startswith("pumping reaches enterprise: 1 asset (pc-1)") for text in other)


DEFAULT = "    routes: [{to: 0.0.0.0/0, via: 203.0.113.9}]\n    forwards: true\n"


def test_a_route_into_wireguard_is_narrower_than_the_default_route(prove: Any) -> None:
    site = SITE.replace("    forwards: true\n", DEFAULT)
    near = 'iifname "it" ip daddr 10.40.0.0/24 accept'

    assert messages(prove("", near, FROM_WAN, site=site)) == [REACHED]
    assert messages(prove(WIREGUARD, near, FROM_WAN, site=site)) == []


def test_what_ipsec_selectors_do_not_name_goes_the_other_way_in_the_clear(prove: Any) -> None:
    site = SITE.replace("    forwards: true\n", DEFAULT)
    other = IPSEC.replace("[10.30.0.0/16]", "[10.20.0.0/24]")

    assert messages(prove(other, 'iifname "it" ip daddr 10.40.0.0/24 accept', FROM_WAN, site=site)) == [
        REACHED
    ]


def test_whoever_is_in_a_zone_may_be_the_host_at_the_end_of_a_tunnel(prove: Any) -> None:
    host = "  laptop: {zone: enterprise, addresses: [10.30.0.99]}\n"
    tunnel = WIREGUARD.replace("fw: {address: 203.0.113.1,", "laptop: {").replace("[10.30.0.0/16]", "[]")

    assert messages(prove(tunnel, "drop", OUT, more=host)) == [REACHED]


def test_a_guard_that_only_observes_is_gone_through_into_its_tunnel(prove: Any) -> None:
    gate = """\
  gate: {zone: dmz, addresses: [10.20.0.2]}
conduits:
  c:
    from: [enterprise]
    to: pumping
    guard: gate
    verdicts: observe
    servers: {plc-9: {listen: "10.20.0.2:1502"}}
    rules: [{name: reads, clients: [pc-1], permit: [read]}]
"""
    tunnel = WIREGUARD.replace("fw: {address: 203.0.113.1,", "gate: {").replace("[10.30.0.0/16]", "[]")
    near = 'iifname "it" ip daddr 10.20.0.2 tcp dport 1502 accept'
    proof = prove(tunnel, near, OUT, more=gate)
    enforced = prove(tunnel, near, OUT, more=gate.replace("observe", "enforce"))

    assert "enterprise reaches pumping through a host around the DMZ: 1 asset (plc-9) on tcp/502" in messages(
        proof
    )
    assert messages(enforced) == []


def test_a_host_at_the_end_drops_what_is_not_for_itself(prove: Any) -> None:
    far = "  box: {zone: pumping, addresses: [10.40.0.99]}\n"
    tunnel = WIREGUARD.replace("far: {address: 203.0.113.9,", "box: {").replace("wg1", "wg2")

    assert messages(prove(tunnel, INTO, "drop", more=far)) == [
        "enterprise reaches pumping: 1 asset (box) on any service"
    ]


def test_a_tunnel_is_among_the_assumptions(prove: Any) -> None:
    proof = prove(WIREGUARD, "drop", "drop")
    (assumed,) = [one for one in proof.assumptions if one.key == "tunnel:crossing"]

    assert assumed.text.startswith("the tunnel crossing is up, its ends alone hold its keys")


def test_an_address_inside_is_on_no_segment(prove: Any) -> None:
    reach = [
        str(one)
        for one in prove(WIREGUARD, 'ip daddr 10.9.0.2 oifname "wan" accept', "drop").reach.in_words()
    ]

    assert not any("internet" in row.partition(" on ")[0].partition(" reaches ")[2] for row in reach)


def test_a_path_to_an_address_inside_names_the_router(prove: Any) -> None:
    site = SITE.replace("  fw:\n    zone: dmz", "  fw:\n    zone: control")
    proof = prove(WIREGUARD, "drop", "drop", site=site)
    ends = [f.evidence[-1].text for f in proof.findings if f.message.startswith("internet reaches control")]

    assert ends == ["fw (10.9.0.1) in control answers: any service"]


def test_whoever_gets_into_a_router_may_send_into_its_tunnels(prove: Any) -> None:
    site = SITE.replace(
        "  fw:\n    zone: dmz\n",
        "  fw:\n    zone: dmz\n    remote_access: [{kind: vendor, from: enterprise}]\n",
    )
    tunnel = WIREGUARD.replace("[10.30.0.0/16]", "[]")
    proof = prove(tunnel, "drop", OUT, site=site)

    assert "enterprise reaches pumping by a way in around the DMZ: 1 asset (plc-9) on tcp/502" in messages(
        proof
    )


def test_a_gateway_with_one_interface_sends_on_what_ipsec_brought_to_it(prove: Any) -> None:
    one_armed = FAR.replace("wan: [203.0.113.9], lan: [10.40.0.1]", "lan: [10.40.0.1]")
    tunnel = IPSEC.replace("203.0.113.9", "10.40.0.1").replace("[10.40.0.0/24]}", "[10.40.0.17/32]}")
    far = 'iifname "lan" oifname "lan" tcp dport 502 accept'
    proof = prove(tunnel, 'iifname "it" ip daddr 10.40.0.17 accept', far, far_end=one_armed)

    assert REACHED in messages(proof)
