"""nftables' own words, as text and as JSON, mean the same; the real tool says what they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modwarden.model import Origin
from modwarden.site.rulesets import Hook, Rule, Ruleset, RulesetError, parse_nft_json, parse_nft_text
from modwarden.site.rulesets.sets import V6_SET

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "hardening"
WRITTEN = """\
table inet filter {
  set it {
    type ipv4_addr
    flags interval
    elements = { 10.30.0.0/16, 10.31.0.5 }
  }
  map by_port {
    type inet_service : verdict
    elements = { 22 : accept, 502 : jump ot }
  }
  chain ot {
    ip saddr 10.30.0.1-10.30.0.9 accept
    return
  }
  chain forward {
    type filter hook forward priority filter + 5; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "eth0" oifname != "eth1" ip saddr @it tcp dport { 80, 443, 1000-2000 } accept comment "web; shop"
    ip saddr . tcp dport { 10.0.0.1 . 502, 10.0.0.0/24 . 503 } limit rate 5/second log prefix "x" accept
    tcp dport vmap @by_port
    meta l4proto { tcp, udp } th dport 53 accept
    ip6 saddr 2001:db8::/64 icmpv6 type echo-request accept
    ip protocol icmp icmp type { echo-request, echo-reply } accept
    meta mark 0x1 reject with icmp type port-unreachable
    tcp flags syn / syn,rst drop
    tcp dport >= 60000 accept
    meta nfproto ipv6 drop
    ip daddr != 10.0.0.0/8 udp sport 1-100 goto ot
    iifname { "eth0", "wg*" } meta mark set 0x2 accept
  }
}
table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "eth0" tcp dport 8502 dnat to 10.0.0.5:502
    tcp dport 81 redirect to :8080
    dnat to tcp dport map { 82 : 10.0.0.9, 83 : 10.0.0.10 }
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "eth1" masquerade random
    ip saddr 10.1.0.0/24 snat to 10.2.0.1-10.2.0.9 random,persistent
  }
}
table bridge l2 {
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
}
"""


def meaning(ruleset: Ruleset) -> list[Any]:
    """Leave out where and in which words it was written."""
    nowhere = Origin("", 0)
    return [
        (table.name, table.packets, name, replace(chain, origin=nowhere, rules=()), _rules(chain.rules))
        for table in ruleset.tables
        for name, chain in sorted(table.chains.items())
    ]


def _rules(rules: Any) -> list[Any]:
    # Elements of a map have no order; where a rule can match nothing it does not matter how.
    listed = [
        (sorted(map(repr, rule.matches)), rule.action, rule.target, rule.translation, bool(rule.uncertain))
        for rule in rules
        if rule.matches
    ]
    return sorted(map(repr, listed))


def real(tmp_path: Path, *words: str, written: str = WRITTEN) -> str:
    """Load the rule set in a network namespace of its own and print it as the kernel holds it."""
    (tmp_path / "in.nft").write_text(written)
    script = f"nft -f {tmp_path}/in.nft && nft {' '.join(words)} list ruleset"
    done = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("unshare")
def test_text_and_json_of_the_real_tool_mean_what_was_written(tmp_path: Path) -> None:
    assert shutil.which("nft")
    written = meaning(parse_nft_text(WRITTEN, "in.nft"))

    assert meaning(parse_nft_text(real(tmp_path), "list.nft")) == written
    assert meaning(parse_nft_json(real(tmp_path, "-j"), "list.json")) == written


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("unshare")
@pytest.mark.parametrize("plan", ["routed", "same_subnet"])
def test_the_rules_of_a_guard_s_host_mean_the_same_as_written_and_as_loaded(
    tmp_path: Path, plan: str
) -> None:
    text = (GOLDEN / plan / "gate-1" / "rules.nft").read_text()
    written = meaning(parse_nft_text(text, "rules.nft"))

    assert meaning(parse_nft_text(real(tmp_path, written=text), "list.nft")) == written
    assert meaning(parse_nft_json(real(tmp_path, "-j", written=text), "list.json")) == written


def only(rule: str) -> Rule:
    return (
        parse_nft_text(f"table inet t {{\n chain c {{\n {rule}\n }}\n}}\n", "fw.nft")
        .tables[0]
        .chains["c"]
        .rules[0]
    )


@pytest.mark.parametrize(
    ("flags", "meets"),
    [
        ("tcp flags & (syn | ack) != syn", False),
        ("tcp flags & (syn | rst | ack) == syn", True),
        ("tcp flags syn / syn,rst", True),
        ("tcp flags & ack == ack", False),
        ("tcp flags & (fin | syn) == fin", False),
    ],
)
def test_flags_are_asked_of_a_connection_s_first_packet(flags: str, *, meets: bool) -> None:
    rule = only(f"{flags} drop")

    assert (bool(rule.matches), rule.uncertain) == (meets, ())


@pytest.mark.parametrize(
    "flags",
    [
        "tcp flags & (fin | syn | rst | psh | ack | urg) == syn",
        "tcp flags & (fin | syn | rst | psh | ack | urg) != syn",
        "tcp flags & (syn | urg) == syn",
        "tcp flags & (fin | syn) == fin | syn",
        "tcp flags & psh == psh",
        "tcp flags & (syn | ecn) == syn",
    ],
)
def test_bits_that_a_first_packet_may_have_or_not_close_nothing(flags: str) -> None:
    rule = only(f"{flags} drop")

    assert rule.uncertain == ("bits of tcp flags that a first packet may have",)
    assert rule.matches[0].service.intervals == ((6 * 65_536, 7 * 65_536),)


@pytest.mark.parametrize(
    ("words", "service"),
    [
        ("nexthdr tcp", ((6 * 65_536, 7 * 65_536),)),
        ("nexthdr { tcp, udp }", ((6 * 65_536, 7 * 65_536), (17 * 65_536, 18 * 65_536))),
        ("nexthdr != tcp", None),
        ("nexthdr 60", None),
        ("nexthdr < 6", None),
    ],
)
def test_the_first_header_of_ipv6_may_be_another_than_the_protocol_s(words: str, service: object) -> None:
    rule = only(f"ip6 {words} drop")

    assert rule.uncertain == ("ip6 nexthdr, of packets with more headers",)
    assert (rule.matches[0].service.intervals, rule.matches[0].source) == (service, V6_SET)


def test_a_doubt_about_one_element_of_several_fields_is_one_about_all() -> None:
    rule = only("ip6 nexthdr . tcp dport { tcp . 502, 60 . 80 } accept")

    assert (rule.uncertain, rule.matches[0].service.intervals) == (
        ("ip6 nexthdr, of packets with more headers",),
        None,
    )


def test_a_name_with_a_plus_is_one_interface_and_a_star_stands_for_any_rest() -> None:
    plus, star = (only(f'iifname "{name}" drop').matches[0].inward[0] for name in ("it+", "it*"))

    assert (plus.holds("it0"), plus.holds("it+"), star.holds("it0")) == (False, True, True)


def test_a_table_that_is_deleted_and_written_anew_is_read_once() -> None:
    again = "table inet t\ndelete table inet t\n"
    one = "table inet t {\n chain c {\n accept\n }\n}\n"
    ruleset = parse_nft_text(again + one + again + one, "fw.nft")

    assert [len(table.chains["c"].rules) for table in ruleset.tables] == [1]


def test_each_rule_keeps_its_line_and_its_words() -> None:
    forward = parse_nft_text(WRITTEN, "fw.nft").tables[0].chains["forward"]
    web = next(rule for rule in forward.rules if "web; shop" in rule.text)

    assert (web.origin.file, web.origin.line) == ("fw.nft", 18)
    assert web.text.startswith(
        'iifname "eth0" oifname != "eth1" ip saddr @it tcp dport { 80, 443, 1000-2000 }'
    )
    assert (forward.priority, forward.accepts, forward.is_nat) == (5, False, False)


def test_a_table_that_can_only_hold_back_is_left_out_and_that_is_said() -> None:
    ruleset = parse_nft_text(WRITTEN, "fw.nft")

    assert [table.name for table in ruleset.tables] == ["filter", "nat"]
    assert ruleset.remarks[0][1].startswith("table bridge l2 is not read")


def test_variables_are_put_in() -> None:
    defined = 'define lan = "eth1"\ndefine plc = { 10.0.0.1,\n 10.0.0.2 }\n'
    text = defined + "table ip t {\n chain c {\n ip daddr $plc iifname $lan accept\n }\n}\n"
    rule = parse_nft_text(text, "fw.nft").tables[0].chains["c"].rules[0]

    assert rule.origin.line == 6
    assert rule.matches[0].destination.intervals == ((0x0A000001, 0x0A000003),)
    assert rule.matches[0].inward[0].patterns == ("eth1",)


def test_elements_added_later_count() -> None:
    text = """{"nftables": [
      {"table": {"family": "ip", "name": "t"}},
      {"set": {"family": "ip", "name": "s", "table": "t", "type": "ipv4_addr"}},
      {"element": {"family": "ip", "table": "t", "name": "s", "elem": ["10.0.0.1"]}},
      {"chain": {"family": "ip", "table": "t", "name": "c"}},
      {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 7, "expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@s"}},
        {"accept": null}]}}
    ]}"""
    rule = parse_nft_json(text, "fw.json").tables[0].chains["c"].rules[0]

    assert rule.matches[0].source.intervals == ((0x0A000001, 0x0A000002),)
    assert (rule.origin.line, rule.text) == (6, "ip saddr @s accept # handle 7")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("table ip t {\n chain c {\n", 2, "the file ends too early"),
        ('include "other.nft"\n', 1, "the command 'include' is not read here"),
        (
            "table ip t {\n chain c {\n  ip saddr $who accept\n }\n}\n",
            3,
            "the variable $who is not defined here",
        ),
        (
            "table ip t {\n chain c {\n  type filter hook forward priority sometime;\n }\n}\n",
            3,
            "is no priority",
        ),
        ("table ip t {\n chain c {\n  ip saddr\n }\n}\n", 3, "a value is missing"),
        ("table ip t {\n odd\n}\n", 2, "'odd' is not understood in a table"),
    ],
)
def test_text_that_is_not_understood_is_refused(text: str, line: int, what: str) -> None:
    with pytest.raises(RulesetError) as caught:
        parse_nft_text(text, "fw.nft")

    assert what in caught.value.what
    assert caught.value.origin.line == line


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": [1]}', '{"nftables": [{}]}', "\x00"])
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RulesetError, match="this is not nftables' JSON"):
        parse_nft_json(text, "fw.json")


def test_a_text_cut_anywhere_is_read_or_refused_and_nothing_else() -> None:
    for end in range(0, len(WRITTEN), 3):
        try:
            parse_nft_text(WRITTEN[:end], "cut.nft")
        except RulesetError:
            continue


def test_what_the_kernel_keeps_with_the_elements_of_a_set_is_passed_over() -> None:
    text = """table inet t {
  set seen {
    type ipv4_addr
    flags dynamic,timeout
    timeout 1m
    elements = { 10.0.0.5 limit rate over 100/second burst 200 packets expires 45s976ms,
           10.0.0.6 counter packets 3 bytes 180 timeout 1m expires 3s comment "a, b }" }
  }
  set gates { type ipv4_addr; elements = { 10.0.0.2 comment "gate-1", 10.0.0.3 } }
  chain c {
    ip saddr @gates accept
  }
}
"""
    (rule,) = parse_nft_text(text, "fw.nft").tables[0].chains["c"].rules

    assert [len(match.source.pieces((0, 2**32))) for match in rule.matches] == [1]


KNOCKED = """table inet f {
  set knocked { type ipv4_addr; elements = { 10.0.0.1 } }
  map by_port { type inet_service : ipv4_addr; elements = { 81 : 10.0.0.9 } }
  chain forward {
    type filter hook forward priority filter; policy drop;
    tcp dport 1234 %s @knocked { ip saddr } drop
    ip saddr @knocked accept
  }
}
"""


@pytest.mark.parametrize("word", ["add", "update", "delete"])
def test_a_set_that_packets_fill_has_members_that_nobody_knows(word: str) -> None:
    rules = parse_nft_text(KNOCKED % word, "fw.nft").tables[0].chains["forward"].rules

    assert rules[1].uncertain == ("the members of the set 'knocked' may change",)
    assert rules[1].matches[0].source.intervals is None


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("unshare")
def test_a_set_that_packets_fill_is_known_for_one_in_the_tool_s_json_too(tmp_path: Path) -> None:
    listed = real(tmp_path, "-j", written=KNOCKED % "add").replace('"flags": ["dynamic"], ', "")
    rules = parse_nft_json(listed, "list.json").tables[0].chains["forward"].rules

    assert rules[1].uncertain == ("the members of the set 'knocked' may change",)


def test_a_map_that_packets_fill_leads_nowhere_that_is_known() -> None:
    text = (KNOCKED % "add").replace("ip saddr @knocked accept", "dnat ip to tcp dport map @by_port")
    text = text.replace("{ ip saddr } drop", "{ ip saddr } update @by_port { tcp dport : 10.0.0.5 } drop")

    with pytest.raises(RulesetError, match="the members of the set 'by_port' may change"):
        parse_nft_text(text, "fw.nft")


TWICE = """table inet f {
  set it { type ipv4_addr; elements = { 10.0.0.1 } }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ip saddr @it drop
  }
}
table inet f {
  set it { type ipv4_addr; elements = { 10.0.0.3 } }
  chain forward {
    tcp dport 502 accept
  }
}
"""


def test_what_several_blocks_say_of_one_set_and_chain_counts_together() -> None:
    chain = parse_nft_text(TWICE, "fw.nft").tables[0].chains["forward"]

    assert (chain.hook, chain.accepts, len(chain.rules)) == (Hook.FORWARD, False, 2)
    assert chain.rules[0].matches[0].source.intervals == (
        (0x0A000001, 0x0A000002),
        (0x0A000003, 0x0A000004),
    )


@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("unshare")
def test_several_blocks_of_one_table_mean_what_the_tool_makes_of_them(tmp_path: Path) -> None:
    assert meaning(parse_nft_json(real(tmp_path, "-j", written=TWICE), "list.json")) == meaning(
        parse_nft_text(TWICE, "in.nft")
    )


def test_a_chain_that_stands_twice_with_two_hooks_is_refused() -> None:
    other = TWICE.replace(
        "    tcp dport", "    type filter hook input priority filter; policy drop;\n    tcp dport"
    )

    with pytest.raises(RulesetError, match="the chain 'forward' stands here with another hook"):
        parse_nft_text(other, "fw.nft")


def one_set(*more: Any, prio: Any = 0) -> str:
    where = {"family": "ip", "table": "t"}
    hook = {"type": "filter", "hook": "forward", "prio": prio, "policy": "drop"}
    source = {"payload": {"protocol": "ip", "field": "saddr"}}
    listed = [
        {"table": {"family": "ip", "name": "t"}},
        {"set": {**where, "name": "s", "type": "ipv4_addr"}},
        {"chain": {**where, "name": "c", **hook}},
        *more,
        {"rule": {**where, "chain": "c", "expr": [{"match": {"op": "==", "left": source, "right": "@s"}}]}},
    ]
    listed[-1]["rule"]["expr"].append({"accept": None})
    return json.dumps({"nftables": listed})


def test_an_element_with_a_time_out_makes_its_set_one_that_changes() -> None:
    element = {"elem": {"val": "10.0.0.1", "timeout": 60}}
    timed = {"element": {"family": "ip", "table": "t", "name": "s", "elem": element}}
    rule = parse_nft_json(one_set(timed), "fw.json").tables[0].chains["c"].rules[0]

    assert rule.uncertain == ("the members of the set 's' may change",)


def test_a_priority_may_be_a_word() -> None:
    assert parse_nft_json(one_set(prio="security"), "fw.json").tables[0].chains["c"].priority == 50
    with pytest.raises(RulesetError, match="'soon' is no priority"):
        parse_nft_json(one_set(prio="soon"), "fw.json")


@pytest.mark.parametrize(
    "item",
    [
        {"delete": {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 7}}},
        {"add": {"table": {"family": "ip", "name": "t"}}},
        {"flush": {"ruleset": None}},
    ],
)
def test_commands_among_the_objects_are_refused(item: dict[str, Any]) -> None:
    with pytest.raises(RulesetError, match="is not understood"):
        parse_nft_json(one_set(item), "fw.json")


@pytest.mark.parametrize(
    "item",
    [
        {"rule": {"family": "ip", "table": "t"}},
        {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"match": {}}]}},
        {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"jump": None}]}},
        {"set": {"family": "ip", "table": "t"}},
        {"chain": []},
    ],
)
def test_an_object_that_nft_would_not_write_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(RulesetError, match="an object is not as nft writes it"):
        parse_nft_json(one_set(item), "fw.json")
