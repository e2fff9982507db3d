"""What is contradictory, empty or not understood is refused, or taken to open paths: never to close them."""

from __future__ import annotations

from typing import Any

import pytest

from modwarden.site import SiteError, load_site
from modwarden.site.proof import Support, prove


def names(proof: Any) -> set[str]:
    return {finding.name for finding in proof.findings}


def test_a_drop_that_depends_on_more_than_the_packet_closes_nothing(ground: Any) -> None:
    proof = ground.prove("meta mark 1 drop", "quota over 5 mbytes drop", 'iifname "it" oifname "ot" accept')

    assert "it-reaches-ot" in names(proof)
    assert [text.partition(": `")[0] for _, text in proof.remarks] == [
        "taken as wider than it is: meta mark",
        "taken as wider than it is: quota",
    ]


@pytest.mark.parametrize(
    "rate",
    [
        "limit rate over 5/second drop",
        "limit rate over 5/second jump too_fast",
        'limit name "most" goto too_fast',
        "update @seen { ip saddr limit rate over 5/second burst 10 packets } goto too_fast",
    ],
)
def test_a_rate_beyond_which_packets_are_dropped_closes_nothing_and_needs_no_remark(
    ground: Any, rate: str
) -> None:
    ground.write(rate, 'iifname "it" oifname "ot" accept')
    rules = ground.folder / "fw.nft"
    more = f"{METER}  limit most {{ rate over 5/second }}\n  chain too_fast {{\n    counter drop\n  }}\n"
    rules.write_text(rules.read_text().replace("table inet filter {\n", more))
    proof = prove(load_site(ground.folder / "site.yaml"))
    assert proof is not None

    assert "it-reaches-ot" in names(proof)
    assert proof.remarks == ()


@pytest.mark.parametrize("end", ["accept", "ip saddr 10.30.0.7 drop"])
def test_a_rate_that_leads_to_more_than_a_drop_stays_doubtful(ground: Any, end: str) -> None:
    ground.write("limit rate over 5/second goto too_fast", "drop")
    rules = ground.folder / "fw.nft"
    more = f"table inet filter {{\n  chain too_fast {{\n    {end}\n  }}\n"
    rules.write_text(rules.read_text().replace("table inet filter {\n", more))
    proof = prove(load_site(ground.folder / "site.yaml"))
    assert proof is not None

    assert [text.partition(": `")[0] for _, text in proof.remarks] == ["taken as wider than it is: limit"]


METER = """table inet filter {
  set seen {
    type ipv4_addr
    flags dynamic
  }
"""


@pytest.mark.parametrize(
    "condition",
    [
        "add @seen { ip saddr limit rate 3/minute }",
        "update @seen { ip saddr }",
        "meta mark set ip saddr map { 1.1.1.1 : 2 }",
    ],
)
def test_a_statement_that_may_end_the_rule_makes_its_drop_uncertain(ground: Any, condition: str) -> None:
    ground.write(f"{condition} drop", 'iifname "it" oifname "ot" accept')
    rules = ground.folder / "fw.nft"
    rules.write_text(rules.read_text().replace("table inet filter {\n", METER))

    assert "it-reaches-ot" in names(prove(load_site(ground.folder / "site.yaml")))


@pytest.mark.parametrize(
    "condition",
    [
        "meta mark set meta mark & 0xff | 0x1",
        "ct mark set meta mark",
        "tcp option maxseg size set rt mtu",
        "ip dscp set cs1",
        'log prefix "x accept" level info flags all',
        "log flags tcp sequence",
        "counter packets 1 bytes 2",
    ],
)
def test_no_statement_swallows_the_verdict_behind_it(ground: Any, condition: str) -> None:
    opened = ground.prove(f'iifname "it" oifname "ot" {condition} accept')
    closed = ground.prove(f"{condition} drop", 'iifname "it" oifname "ot" accept')

    assert names(opened) == {"it-reaches-ot"}
    # What writes a field of IPv4 or TCP touches no other packet.
    is_held = not condition.startswith(("tcp", "ip dscp"))
    assert ("it-reaches-ot" not in names(closed)) == is_held


@pytest.mark.parametrize("kind", ["with tcp reset", "with icmp port-unreachable", "with icmpv6 no-route"])
def test_a_refusal_of_one_kind_of_packet_refuses_no_other(ground: Any, kind: str) -> None:
    proof = ground.prove(f"reject {kind}", 'iifname "it" oifname "ot" accept')

    assert "it-reaches-ot" in names(proof)


def test_a_plain_refusal_refuses_all(ground: Any) -> None:
    assert names(ground.prove("reject", 'iifname "it" oifname "ot" accept')) == set()
    assert (
        names(ground.prove("reject with icmpx admin-prohibited", 'iifname "it" oifname "ot" accept')) == set()
    )


def test_an_accept_that_depends_on_more_than_the_packet_opens_all_it_may(ground: Any) -> None:
    proof = ground.prove('iifname "it" oifname "ot" meta mark 7 tcp dport 502 accept')

    assert [f.message for f in proof.findings] == ["enterprise reaches control: 1 asset (plc-1) on tcp/502"]


def test_a_set_whose_members_change_may_hold_anybody(ground: Any) -> None:
    rules = 'iifname "it" ip saddr @friends ip daddr 10.10.0.11 accept'
    ground.write(rules)
    text = (ground.folder / "fw.nft").read_text()
    changing = "table inet filter {\n  set friends {\n    type ipv4_addr\n    flags dynamic,timeout\n  }\n"
    (ground.folder / "fw.nft").write_text(text.replace("table inet filter {\n", changing))

    assert "it-reaches-ot" in names(prove(load_site(ground.folder / "site.yaml")))


def test_icmp_types_are_told_apart_and_nothing_else_is_opened(ground: Any) -> None:
    proof = ground.prove('iifname "it" icmp type echo-request accept')

    assert [f.message for f in proof.findings] == [
        "enterprise reaches control: 1 asset (plc-1) on icmp type 8"
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("tcp dport 502 frobnicate", "'frobnicate' starts no statement that is understood"),
        ("ip saddr 10.0.0.1 dup to 10.20.0.9", "`dup` sends copies elsewhere"),
        ('iifname "eth7" accept', "a rule names the interface 'eth7', which 'fw' does not have"),
        ("jump nowhere", "there is no chain 'nowhere'"),
        ("jump forward", "chains call each other in a circle"),
        ("ip daddr set 10.10.0.11", "the statement 'mangle' is not understood"),
        ("tcp dport vmap @missing", "vmap: the members of the set 'missing' may change"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_with_its_line(ground: Any, rule: str, words: str) -> None:
    (problem,) = ground.refusals(rule)

    assert words in problem.what
    assert (problem.origin.file.endswith("fw.nft"), problem.origin.line) == (True, 4)
    assert problem.hint


def test_every_refusal_of_every_rule_set_is_told_at_once(ground: Any) -> None:
    more = (
        "  fw-2: {zone: dmz, addresses: [10.20.0.3, 10.10.0.3], forwards: true,"
        " rulesets: [{file: missing.nft}, {file: other.nft}]}\n"
    )
    (ground.folder / "other.nft").write_text("reset\n")
    problems = ground.refusals("what", more=more)

    assert sorted(problem.name for problem in problems) == ["bad-ruleset", "bad-ruleset", "no-ruleset"]


def test_a_router_without_rules_lets_everything_pass(ground: Any) -> None:
    more = "  r: {zone: dmz, addresses: [10.30.0.2, 10.10.0.3], forwards: true}\n"
    proof = ground.prove(more=more)

    assert names(proof) == {"it-reaches-ot", "ot-reaches-it"}
    assert proof.violations[0].finding.evidence[1].text == "r forwards it: it has no rule set"


BEHIND = (
    "  r: {zone: dmz, addresses: [10.20.0.3, 10.11.0.1], forwards: true}\n"
    "  pump: {zone: field, addresses: [10.11.0.5]}\n"
)
FIELD = "zones:\n  field: {level: 0, networks: [10.11.0.0/24]}\n"


def test_two_routers_in_a_row_are_one_way(ground: Any) -> None:
    site = ground.site.replace("zones:\n", FIELD)
    proof = ground.prove('iifname "it" oifname "dmz" tcp dport 502 accept', more=BEHIND, site=site)

    finding = next(f for f in proof.findings if f.name == "it-reaches-ot")
    assert finding.message == "enterprise reaches field: 1 asset (pump) on tcp/502"
    assert [hop.text.partition(":")[0] for hop in finding.evidence[1:-1]] == ["fw", "r forwards it"]


@pytest.mark.parametrize(
    ("routes", "is_reached"),
    [
        ("[]", False),
        ("[{to: 10.11.0.0/24, via: 10.20.0.3}]", True),
        ("[{to: 10.11.0.0/25, via: 10.20.0.4}]", False),
        ("[{to: 10.11.0.0/16, via: 10.20.0.4}, {to: 10.11.0.4/30, via: 10.20.0.3}]", True),
    ],
)
def test_routes_keep_a_router_to_the_ways_it_has(ground: Any, routes: str, *, is_reached: bool) -> None:
    site = ground.site.replace("zones:\n", FIELD)
    site = site.replace("    forwards: true\n", f"    forwards: true\n    routes: {routes}\n")
    proof = ground.prove('iifname "it" oifname "dmz" tcp dport 502 accept', more=BEHIND, site=site)

    assert ("it-reaches-ot" in names(proof)) == is_reached


def test_a_router_that_leads_nobody_knows_where_is_refused(ground: Any) -> None:
    site = ground.site.replace('networks: [0.0.0.0/0, "::/0"]', "networks: [203.0.113.0/24]")
    ground.write(site=site.replace("networks: [10.10.0.0/24, ", "networks: ["))
    with pytest.raises(SiteError) as caught:
        prove(load_site(ground.folder / "site.yaml"))

    assert "10.10.0.1 of the router 'fw' is in no network of any zone" in str(caught.value)


def test_the_same_network_in_two_zones_is_in_both(ground: Any) -> None:
    site = ground.site.replace(
        "dmz:        {level: 2, networks: [10.20.0.0/24]}",
        "dmz:        {level: 2, networks: [10.20.0.0/24, 10.10.0.0/24]}",
    )
    proof = ground.prove('iifname "it" oifname "dmz" tcp dport 502 accept', site=site)

    assert not proof.holds


def test_a_zone_without_a_level_counts_as_outside(ground: Any) -> None:
    site = ground.site.replace("enterprise: {level: 3,", "enterprise: {")
    proof = ground.prove('iifname "it" oifname "ot" tcp dport 502 accept', site=site)

    assert "it-reaches-ot" in names(proof)


def test_a_site_without_levels_is_not_spoken_of(ground: Any) -> None:
    site = ground.site
    for level in ("level: internet, ", "level: 3, ", "level: 2, ", "level: 1, "):
        site = site.replace(level, "")
    ground.write(site=site)

    assert prove(load_site(ground.folder / "site.yaml")) is None


def test_assumptions_are_numbered_and_say_what_verifies_them(ground: Any) -> None:
    ground.write()
    proof = prove(load_site(ground.folder / "site.yaml"), {"ruleset:fw:fw.nft": Support("drift, 2026-11-27")})

    assert proof is not None
    assert [(one.number, one.key, one.status) for one in proof.assumptions] == [
        (1, "connections", "declared"),
        (2, "ruleset:fw:fw.nft", "verified by drift, 2026-11-27"),
        (3, "enforcement", "declared"),
        (4, "tracking", "declared"),
        (5, "spoofing", "declared"),
    ]
