"""What breaks the zones' rules is found, with the line that opens it; what does not is not."""

from __future__ import annotations

from typing import Any

import pytest

SCADA = "  scada: {zone: control, addresses: [10.10.0.9, 10.30.0.9]}\n"
CONDUIT = """\
conduits:
  c:
    from: [enterprise]
    to: control
    guard: gate
    servers: {plc-1: {listen: "10.20.0.2:1502"}}
    rules: [{name: writes, clients: [pc-1], permit: [write]}]
"""
GATE = "  gate: {zone: dmz, addresses: [10.20.0.2, 10.10.0.2]}\n"


def found(proof: Any) -> list[tuple[str, str]]:
    return [(finding.name, finding.message.partition(":")[0]) for finding in proof.findings]


def test_nothing_is_claimed_of_a_closed_firewall(ground: Any) -> None:
    proof = ground.prove()

    assert found(proof) == []
    assert proof.holds


def test_a_rule_that_lets_it_into_ot_is_named_with_its_line(ground: Any) -> None:
    proof = ground.prove(
        'iifname "wan" accept', "ip saddr 10.30.5.0/24 ip daddr 10.10.0.11 tcp dport 502 accept"
    )

    finding = next(
        f for f in proof.findings if f.name == "it-reaches-ot" and f.message.startswith("enterprise")
    )
    assert finding.message == "enterprise reaches control: 1 asset (plc-1) on tcp/502"
    assert finding.origin.line == 5
    assert [hop.text for hop in finding.evidence] == [
        "from enterprise (10.30.0.0/16, 2001:db8:30::/64)",
        "fw: `ip saddr 10.30.5.0/24 ip daddr 10.10.0.11 tcp dport 502 accept`",
        "plc-1 (10.10.0.11) in control answers: tcp/502",
    ]


def test_a_rule_in_the_shadow_of_a_drop_opens_nothing(ground: Any) -> None:
    assert (
        found(ground.prove("ip daddr 10.10.0.0/16 drop", "ip6 daddr ::/0 drop", 'iifname "it" accept')) == []
    )


def test_a_drop_that_leaves_one_port_out_leaves_a_violation(ground: Any) -> None:
    proof = ground.prove(
        "ip daddr 10.10.0.0/24 tcp dport != 4840 drop", "ip saddr 10.30.0.7 meta l4proto tcp accept"
    )

    assert [finding.message for finding in proof.findings] == [
        "enterprise reaches control: 1 asset (plc-1) on tcp/4840"
    ]


def test_ipv6_is_a_way_like_any_other(ground: Any) -> None:
    proof = ground.prove("ip6 saddr 2001:db8:30::/64 tcp dport 502 accept")

    assert found(proof) == [("it-reaches-ot", "enterprise reaches control")]


def test_a_table_for_ipv4_holds_nothing_back_of_ipv6(ground: Any) -> None:
    ground.write()
    text = (ground.folder / "fw.nft").read_text().replace("table inet", "table ip")
    (ground.folder / "fw.nft").write_text(text)
    from modwarden.site import load_site
    from modwarden.site.proof import prove

    proof = prove(load_site(ground.folder / "site.yaml"))
    assert ("it-reaches-ot", "enterprise reaches control") in found(proof)


def test_a_port_forwarded_from_the_internet_is_found_behind_its_nat(ground: Any) -> None:
    nat = (
        "table ip nat {\n  chain pre {\n    type nat hook prerouting priority dstnat;\n"
        '    iifname "wan" tcp dport 8502 dnat to 10.10.0.11:502\n  }\n}\n'
    )
    proof = ground.prove("ip daddr 10.10.0.11 tcp dport 502 ct status dnat accept", tables=nat)

    names = {name for name, words in found(proof) if words.startswith("internet")}
    assert names == {"it-reaches-ot", "modbus-from-internet"}
    path = next(f for f in proof.findings if f.name == "modbus-from-internet").evidence
    assert path[1].text == 'fw: `iifname "wan" tcp dport 8502 dnat to 10.10.0.11:502`'
    assert "held to match whatever it says of ct status" in path[2].text


def test_modbus_in_the_dmz_is_none_of_the_internets_business(ground: Any) -> None:
    more = "  meter: {zone: dmz, addresses: [10.20.0.8], port: 1502, unit_ids: [1]}\n"
    proof = ground.prove('iifname "wan" oifname "dmz" tcp dport 1502 accept', more=more)

    assert found(proof) == [("modbus-from-internet", "internet reaches Modbus")]


def test_a_dual_homed_host_is_a_path_around_the_dmz(ground: Any) -> None:
    proof = ground.prove(more=SCADA)

    assert found(proof) == [("host-around-dmz", "enterprise reaches control through a host around the DMZ")]
    assert (
        proof.findings[0].evidence[1].text.startswith("scada (dual-homed) stands in control and enterprise")
    )


def test_a_relay_of_the_dmz_breaks_the_path(ground: Any) -> None:
    relay = "  jump: {zone: dmz, addresses: [10.20.0.6, 10.10.0.6], relay: {kind: jump_host}}\n"

    assert found(ground.prove('iifname "it" oifname "dmz" accept', more=relay)) == []


def test_a_host_of_the_dmz_that_is_no_relay_does_not(ground: Any) -> None:
    host = "  nas: {zone: dmz, addresses: [10.20.0.6, 10.10.0.6]}\n"
    proof = ground.prove('iifname "it" oifname "dmz" accept', more=host)

    assert ("host-around-dmz", "enterprise reaches control through a host around the DMZ") in found(proof)


def test_a_relay_of_the_enterprise_is_no_break(ground: Any) -> None:
    relay = "  proxy: {zone: enterprise, addresses: [10.30.0.6], relay: {kind: proxy, listens: [tcp/3128]}}\n"
    proof = ground.prove("ip saddr 10.30.0.6 ip daddr 10.10.0.11 tcp dport 502 accept", more=relay)

    assert ("it-reaches-ot", "enterprise reaches control") in found(proof)


def test_a_relay_is_entered_by_its_own_ports_only(ground: Any) -> None:
    relay = "  hv: {zone: control, addresses: [10.10.0.6], relay: {kind: hypervisor, listens: [tcp/8006]}}\n"
    closed = ground.prove('iifname "wan" ip daddr 10.10.0.6 tcp dport 22 accept', more=relay)
    opened = ground.prove('iifname "wan" ip daddr 10.10.0.6 tcp dport 8006 accept', more=relay)

    assert [f.message for f in closed.findings] == ["internet reaches control: 1 asset (hv) on tcp/22"]
    assert [f.message for f in opened.findings] == [
        "internet reaches control: 1 asset (hv) on tcp/8006",
        "internet reaches Modbus: 3 assets (fw, hv, plc-1) on tcp/502, tcp/802",
    ]


def test_a_vpn_into_the_plant_is_a_way_around_the_dmz(ground: Any) -> None:
    more = (
        "  box: {zone: control, addresses: [10.10.0.8],"
        " remote_access: [{kind: vpn, from: internet, who: me}]}\n"
    )
    proof = ground.prove(more=more)

    assert found(proof)[0] == ("vpn-around-dmz", "internet reaches control by a way in around the DMZ")
    assert proof.findings[0].evidence[1].text == "vpn of me from internet into box"


def test_a_vpn_that_ends_in_the_dmz_is_none(ground: Any) -> None:
    more = (
        "  jump: {zone: dmz, addresses: [10.20.0.6], relay: {kind: jump_host},"
        " remote_access: [{kind: vpn, from: internet}]}\n"
    )

    assert found(ground.prove('iifname "dmz" oifname "ot" accept', more=more)) == []


def test_a_vpn_of_the_firewall_is_held_to_its_rules(ground: Any) -> None:
    site = ground.site.replace(
        "    forwards: true\n",
        "    forwards: true\n    remote_access:"
        " [{kind: vpn, from: internet, interface: wg0, addresses: [10.99.0.0/24]}]\n",
    )
    site = site.replace("dmz: [10.20.0.1],", "dmz: [10.20.0.1], wg0: [10.99.0.1],")
    opened = ground.prove("ip saddr 10.99.0.0/24 ip daddr 10.10.0.11 tcp dport 22 accept", site=site)
    other = ground.prove("ip saddr 10.98.0.0/24 ip daddr 10.20.0.11 tcp dport 22 accept", site=site)

    assert [f.message for f in opened.findings if f.name == "vpn-around-dmz"] == [
        "internet reaches control by a way in around the DMZ: 1 asset (plc-1) on tcp/22"
    ]
    assert found(other) == []


def test_a_laptop_that_moves_carries_it_into_the_plant(ground: Any) -> None:
    more = "  laptop: {zone: enterprise, addresses: [10.30.0.8], moves_between: [enterprise, control]}\n"
    proof = ground.prove(more=more)

    assert found(proof) == [("host-around-dmz", "enterprise reaches control through a host around the DMZ")]
    assert proof.findings[0].evidence[1].text == "laptop moves between enterprise and control"


def test_the_plant_may_not_reach_out_either(ground: Any) -> None:
    proof = ground.prove('iifname "ot" oifname "it" tcp dport 443 accept')

    assert found(proof) == [("ot-reaches-it", "control reaches enterprise")]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("identity_sources:\n  ad: {used_by: [pc-1, plc-1]}\n", "shared-identity-source"),
        ("identity_sources:\n  ad: {hosts: [pc-1], used_by: [plc-1]}\n", "shared-identity-source"),
        ("accounts:\n  admin: {assets: [pc-1, plc-1]}\n", "shared-account"),
    ],
)
def test_what_authenticates_on_both_sides_is_found(ground: Any, more: str, name: str) -> None:
    assert [finding.name for finding in ground.prove(more=more).findings] == [name]


def test_an_identity_source_of_one_side_is_not(ground: Any) -> None:
    assert found(ground.prove(more="identity_sources:\n  ad: {used_by: [pc-1]}\n")) == []


def test_the_guard_of_the_dmz_breaks_the_path_and_says_who_writes(ground: Any) -> None:
    rules = ('iifname "it" ip daddr 10.20.0.2 tcp dport 1502 accept',)
    proof = ground.prove(*rules, more=GATE + CONDUIT)

    assert found(proof) == []
    assert [str(one) for one in proof.writes] == [
        "enterprise can write whatever the rule names of plc-1 by c/writes"
    ]


def test_who_does_not_reach_the_guard_writes_nothing(ground: Any) -> None:
    assert ground.prove(more=GATE + CONDUIT).writes == ()
    other = "ip saddr 10.30.0.8 ip daddr 10.20.0.2 tcp dport 1502 accept"
    assert ground.prove(other, more=GATE + CONDUIT).writes == ()


def test_a_guard_that_only_observes_breaks_nothing(ground: Any) -> None:
    conduit = CONDUIT.replace("    guard: gate\n", "    guard: gate\n    verdicts: observe\n")
    proof = ground.prove('iifname "it" ip daddr 10.20.0.2 tcp dport 1502 accept', more=GATE + conduit)

    assert ("host-around-dmz", "enterprise reaches control through a host around the DMZ") in found(proof)


def test_a_guard_with_one_leg_that_only_observes_breaks_nothing_either(ground: Any) -> None:
    gate = "  gate: {zone: dmz, addresses: [10.20.0.2]}\n"
    rules = (
        'iifname "it" ip daddr 10.20.0.2 tcp dport 1502 accept',
        'ip saddr 10.20.0.2 oifname "ot" tcp dport 502 accept',
    )
    conduit = CONDUIT.replace("    guard: gate\n", "    guard: gate\n    verdicts: observe\n")
    observed = ground.prove(*rules, more=gate + conduit)

    assert found(ground.prove(*rules, more=gate + CONDUIT)) == []
    assert ("host-around-dmz", "enterprise reaches control through a host around the DMZ") in found(observed)


def test_a_relay_on_a_router_is_a_path_through_it(ground: Any) -> None:
    site = ground.site.replace(
        "    forwards: true\n", "    forwards: true\n    relay: {kind: proxy, listens: [tcp/3128]}\n"
    )
    proof = ground.prove(site=site)
    shut = "table inet own {\n  chain input {\n    type filter hook input priority 0; policy drop;\n  }\n}\n"

    assert ("host-around-dmz", "enterprise reaches control through a host around the DMZ") in found(proof)
    assert found(ground.prove(site=site, tables=shut)) == []


def test_a_guard_that_listens_everywhere_is_reached_at_each_address(ground: Any) -> None:
    conduit = CONDUIT.replace("10.20.0.2:1502", "0.0.0.0:1502")
    proof = ground.prove('iifname "it" ip daddr 10.20.0.2 tcp dport 1502 accept', more=GATE + conduit)

    assert [one.zone for one in proof.writes] == ["enterprise"]


def test_a_table_that_sleeps_holds_nothing_back(ground: Any) -> None:
    ground.write()
    rules = ground.folder / "fw.nft"
    rules.write_text(rules.read_text().replace("table inet filter {", "table inet filter {\n  flags dormant"))
    from modwarden.site import load_site
    from modwarden.site.proof import prove

    assert ("it-reaches-ot", "enterprise reaches control") in found(
        prove(load_site(ground.folder / "site.yaml"))
    )


def test_a_server_reached_past_its_guard_is_found(ground: Any) -> None:
    more = GATE + CONDUIT.replace("from: [enterprise]", "from: [dmz]").replace(
        "clients: [pc-1]", "clients: [dmz]"
    )
    proof = ground.prove('iifname "dmz" oifname "ot" tcp dport 502 accept', more=more)

    assert found(proof) == [("around-the-guard", "dmz reaches plc-1 without the guard of 'c'")]
    only_guard = ground.prove('iifname "dmz" ip saddr 10.20.0.2 oifname "ot" tcp dport 502 accept', more=more)
    assert found(only_guard) == []
