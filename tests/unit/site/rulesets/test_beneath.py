"""Tables of families that the proof does not follow may hold packets back, and do nothing else."""

from __future__ import annotations

import pytest

from modwarden.site.rulesets import RulesetError, parse_nft_json, parse_nft_text

NETDEV = """\
table netdev early {
  chain it {
    type filter hook ingress device "it0" priority 0; policy accept;
    %s
  }
}
"""


@pytest.mark.parametrize("family", ["netdev", "bridge", "arp"])
@pytest.mark.parametrize(
    "rule",
    [
        "ip saddr 10.30.0.5 ip daddr 10.10.0.5 ip saddr set 10.20.0.7",
        "ip daddr set 10.10.0.11",
        "tcp dport set 502",
        "ip protocol set 6",
        "ether daddr set 02:00:00:00:00:01",
        "vlan id set 7",
        "notrack",
        'ct helper set "ftp"',
        "queue to 1",
    ],
)
def test_what_is_written_into_packets_beneath_the_routed_ones_is_refused_with_its_line(
    family: str, rule: str
) -> None:
    with pytest.raises(RulesetError, match=f"is not understood in a table of the family {family}") as caught:
        parse_nft_text(NETDEV.replace("netdev", family) % rule, "fw.nft")

    assert caught.value.origin.line == 4


def test_the_same_of_the_tool_s_json_is_refused() -> None:
    where = '"family": "netdev", "table": "early"'
    text = f"""{{"nftables": [{{"table": {{"family": "netdev", "name": "early"}}}},
      {{"chain": {{{where}, "name": "it"}}}},
      {{"rule": {{{where}, "chain": "it", "expr": [{{"mangle": {{"key": {{"payload":
        {{"base": "nh", "offset": 96, "len": 32}}}}, "value": 1}}}}]}}}}]}}"""

    with pytest.raises(RulesetError, match="the statement 'mangle'"):
        parse_nft_json(text, "fw.json")


@pytest.mark.parametrize(
    "rule",
    [
        "ip saddr 10.0.0.0/8 drop",
        "limit rate over 5/second counter drop",
        "meta mark set 1",
        "ip dscp set cs1",
    ],
)
def test_a_table_that_holds_back_or_marks_is_left_out_and_that_is_said(rule: str) -> None:
    ruleset = parse_nft_text(NETDEV % rule, "fw.nft")

    assert ruleset.tables == ()
    assert [text for _, text in ruleset.remarks] == [
        "table netdev early is not read: what it holds back is taken to pass"
    ]


@pytest.mark.parametrize(
    "rule", ["ip protocol set 6", "ip6 nexthdr set 6", "tcp flags set syn", "vlan id set 7"]
)
def test_a_routed_packet_that_becomes_another_is_refused_as_well(rule: str) -> None:
    with pytest.raises(RulesetError, match="the statement 'mangle' is not understood"):
        parse_nft_text(f"table inet t {{\n  chain c {{\n    {rule}\n  }}\n}}\n", "fw.nft")
