"""What a rule of one table does to connection tracking counts for the rules of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modwarden.site.rulesets import (
    Action,
    Rule,
    Ruleset,
    parse_iptables_save,
    parse_nft_json,
    parse_nft_text,
    read_together,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

RAW = """\
table ip raw {
 chain pre {
  type filter hook prerouting priority raw;
  ip daddr 10.10.0.5 %s
 }
}
"""
FILTER = """\
table inet f {
 chain forward {
  type filter hook forward priority filter; policy drop;
  ct state { established, related, untracked } accept
  ct state new drop
  ct state established accept
  ct state != established,related,invalid accept
 }
}
"""


def forward(rulesets: Sequence[Ruleset], chain: str = "forward") -> list[Rule]:
    return [
        rule
        for one in rulesets
        for table in one.tables
        if chain in table.chains
        for rule in table.chains[chain].rules
    ]


def may_match_first(rulesets: Sequence[Ruleset]) -> list[tuple[bool, bool]]:
    """Say of each rule whether a first packet may match it, and whether that is certain."""
    return [(bool(rule.matches), not rule.uncertain) for rule in forward(rulesets)]


def test_where_nothing_touches_tracking_only_new_packets_begin_a_connection() -> None:
    assert may_match_first([parse_nft_text(FILTER, "fw.nft")]) == [
        (False, True), (True, True), (False, True), (True, True)
    ]  # fmt: skip


@pytest.mark.parametrize("in_one_file", [True, False])
def test_notrack_in_one_table_makes_first_packets_untracked_in_all(*, in_one_file: bool) -> None:
    texts = [RAW % "notrack" + FILTER] if in_one_file else [FILTER, RAW % "notrack"]
    read = read_together(parse_nft_text(text, "fw.nft") for text in texts)

    assert may_match_first(read) == [(True, False), (True, False), (False, True), (True, True)]
    assert forward(read)[0].uncertain == ("ct state, where `notrack` is in use",)


def test_notrack_of_iptables_counts_for_rules_of_nftables() -> None:
    for target in ("NOTRACK", "CT --notrack"):
        raw = f"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.10.0.5/32 -j {target}\nCOMMIT\n"
        read = read_together([parse_iptables_save(raw, "fw.v4"), parse_nft_text(FILTER, "fw.nft")])

        assert may_match_first(read)[0] == (True, False)


@pytest.mark.parametrize("words", ['ct helper set "ftp"', 'ct expectation set "more"'])
def test_what_a_helper_expects_is_related_and_may_be_the_first_packet(words: str) -> None:
    read = read_together([parse_nft_text(FILTER, "fw.nft"), parse_nft_text(RAW % words, "raw.nft")])

    assert may_match_first(read) == [(True, False), (True, False), (False, True), (True, False)]


def test_a_helper_of_iptables_counts_and_a_match_of_one_assigns_none() -> None:
    head = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21"
    filters = (
        "\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state RELATED -j ACCEPT\nCOMMIT\n"
    )
    assigned = parse_iptables_save(f"{head} -j CT --helper ftp{filters}", "fw.v4")
    matched = parse_iptables_save(f"{head} -m helper --helper ftp -j ACCEPT{filters}", "fw.v4")

    assert [bool(rule.matches) for rule in forward([assigned], "FORWARD")] == [True]
    assert [bool(rule.matches) for rule in forward([matched], "FORWARD")] == [False]


def test_the_json_of_a_helper_says_the_same() -> None:
    where = '"family": "ip", "table": "t", "chain": "forward"'
    text = f"""{{"nftables": [{{"table": {{"family": "ip", "name": "t"}}}},
      {{"chain": {{"family": "ip", "table": "t", "name": "forward"}}}},
      {{"rule": {{{where}, "expr": [{{"ct helper": "s"}}]}}}},
      {{"rule": {{{where}, "expr": [{{"match": {{"op": "in", "left": {{"ct": {{"key": "state"}}}},
        "right": ["established", "related"]}}}}, {{"accept": null}}]}}}}]}}"""

    assert may_match_first([parse_nft_json(text, "fw.json")]) == [(True, False), (True, False)]


def test_what_is_not_tracked_is_not_translated() -> None:
    nat = """table ip nat {
 chain pre {
  type nat hook prerouting priority dstnat; policy drop;
  tcp dport 81 dnat to 10.0.0.5:502
 }
}
"""
    (read,) = read_together([parse_nft_text(nat + RAW % "notrack", "fw.nft")])
    chain = read.tables[0].chains["pre"]

    assert chain.accepts
    assert chain.rules[0].uncertain == ("NAT, where `notrack` is in use",)


def test_a_rule_that_takes_packets_out_of_tracking_stands_among_the_rules() -> None:
    (rule,) = forward([parse_nft_text(RAW % "notrack", "fw.nft")], "pre")

    assert (rule.action, rule.uncertain) == (Action.CONTINUE, ("notrack",))
    assert rule.text == "ip daddr 10.10.0.5 notrack"
