"""Loaded rules against those of the model: named by what they do, silent where they only read otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.drift.conftest import HEAD, OFFICE, PLANT, REPLIES, rules

from modwarden.drift import Collected, read_collected
from modwarden.model import Confidence, Strength

if TYPE_CHECKING:
    from tests.unit.drift.conftest import HostFiles

SSH = "ip saddr 10.30.0.0/24 ip daddr 10.10.0.0/24 tcp dport 22 accept"


def test_an_accept_by_hand_is_named_with_service_zones_and_rule(host: HostFiles) -> None:
    ((name, what),) = host.found(rules(REPLIES, SSH, OFFICE, PLANT))

    assert name == "drift-opens"
    assert (
        what == f"fw: opens tcp/22 from enterprise (IPv4) to control: by rule `{SSH}` (line 5), not in fw.nft"
    )


def test_the_evidence_of_a_finding_names_both_decisions(host: HostFiles) -> None:
    (finding,) = host.look(rules(REPLIES, SSH, OFFICE, PLANT)).findings

    assert [(hop.origin.file.rpartition("/")[2], hop.origin.line) for hop in finding.evidence] == [
        ("nft.json", 5),
        ("fw.nft", 2),
    ]
    assert (
        finding.evidence[1].text
        == "fw.nft: the policy drop of chain forward of table inet filter holds it back"
    )


def test_a_drop_by_hand_closes_and_names_the_assets_it_cuts_off(host: HostFiles) -> None:
    drop = "ip daddr { 10.10.0.11-10.10.0.13, 10.10.0.5 } tcp dport 502 drop"
    ((name, what),) = host.found(rules(REPLIES, drop, OFFICE, PLANT))

    assert name == "drift-closes"
    assert what.startswith("fw: closes tcp/502 from historian to scada, hmi-[1-3]: by rule `ip daddr {")


def test_a_rule_moved_before_another_is_named_where_that_changes_anything_and_not_elsewhere(
    host: HostFiles,
) -> None:
    drop = "ip saddr 10.20.0.5 tcp dport 502 drop"
    host.model = rules(REPLIES, OFFICE, PLANT, drop)

    assert host.found(rules(REPLIES, PLANT, OFFICE, drop)) == []
    assert [name for name, _ in host.found(rules(REPLIES, OFFICE, drop, PLANT))] == ["drift-closes"]


def test_a_policy_that_was_changed_is_named_as_what_decides(host: HostFiles) -> None:
    found = host.found(rules(REPLIES, OFFICE, PLANT, policy="accept"))

    assert [name for name, _ in found] == ["drift-opens"]
    assert (
        "by the policy accept of chain forward of table inet filter, where fw.nft holds it back by"
        in found[0][1]
    )


def test_a_table_that_is_gone_is_named_as_not_loaded(host: HostFiles) -> None:
    ((name, what),) = host.found("table inet other {\n}\n")

    assert name == "drift-opens"
    assert what == (
        "fw: opens any service from anywhere to anywhere: chain forward of table inet filter, "
        "by which fw.nft holds it back, is not loaded"
    )


def test_replies_that_pass_no_more_and_invalid_packets_that_pass_are_named(host: HostFiles) -> None:
    lost = host.found(rules(OFFICE, PLANT))
    invalid = host.found(rules(REPLIES, "ct state invalid accept", OFFICE, PLANT))

    assert [name for name, _ in lost] == ["drift-closes"]
    assert lost[0][1].endswith("(packets that connection tracking calls established, related)")
    assert [name for name, _ in invalid] == ["drift-opens"]
    assert invalid[0][1].endswith("(packets that connection tracking calls invalid)")


@pytest.mark.parametrize(
    "same",
    [
        rules(REPLIES, OFFICE.replace(" accept", ' counter log prefix "x" accept comment "y"'), PLANT),
        rules(REPLIES, OFFICE.replace("10.30.0.0/24", "{ 10.30.0.0/25, 10.30.0.128/25 }"), PLANT),
        rules("ct state { related, established } accept", PLANT, OFFICE, "drop"),
        rules(REPLIES, "jump rest", more=f"  chain rest {{\n    {OFFICE}\n    {PLANT}\n  }}\n"),
        rules(REPLIES, OFFICE, PLANT, f"iifname docker0 {OFFICE}"),
    ],
)
def test_rules_that_read_otherwise_and_do_the_same_are_no_finding(host: HostFiles, same: str) -> None:
    assert host.found(same) == []


def test_a_rule_for_an_interface_that_the_site_file_does_not_have_is_compared_as_well(
    host: HostFiles,
) -> None:
    ((name, what),) = host.found(rules(REPLIES, OFFICE, PLANT, "iifname docker0 accept"))

    assert name == "drift-opens"
    assert (
        "opens any service from anywhere to anywhere (in by docker0): by rule `iifname docker0 accept`"
        in what
    )


def test_input_and_output_are_compared_beside_what_is_forwarded(host: HostFiles) -> None:
    def own(read: str, sent: str) -> str:
        chains = (("input", read), ("output", sent))
        bodies = (
            f"  chain {name} {{\n    {HEAD.format(name, 'drop')}\n    {rule}\n  }}\n" for name, rule in chains
        )
        return rules(REPLIES, OFFICE, PLANT, more="".join(bodies))

    host.model = own("tcp dport 22 accept", "udp dport 123 accept")
    found = [what for _, what in host.found(own("tcp dport 22-23 accept", "udp dport { 53, 123 } accept"))]

    assert found[0].startswith("fw: opens tcp/23 from anywhere to itself: by rule `tcp dport 22-23 accept`")
    assert found[1].startswith("fw: opens udp/53 from itself to anywhere: by rule `udp dport {")


def test_a_translation_that_leads_elsewhere_rewrites(host: HostFiles) -> None:
    hook = "type nat hook prerouting priority dstnat;"
    nat = f"table ip nat {{{{\n  chain pre {{{{\n    {hook}\n    tcp dport 8443 dnat to {{}}\n  }}}}\n}}}}\n"
    host.model = rules(REPLIES, OFFICE, policy="accept") + nat.format("10.20.0.5:443")
    ((name, what),) = host.found(rules(REPLIES, OFFICE, policy="accept") + nat.format("10.20.0.9:443"))

    assert name == "drift-rewrites"
    assert (
        "rewrites tcp/8443 from anywhere to anywhere: by rule `tcp dport 8443 dnat to 10.20.0.9:443`" in what
    )


def test_what_packets_do_not_show_is_said_and_never_taken_for_equal(host: HostFiles) -> None:
    look = host.look(rules(REPLIES, OFFICE, PLANT, "meta mark 7 accept"))
    by_name = {finding.name: finding for finding in look.findings}

    assert set(by_name) == {"drift-opens", "drift-uncertain"}
    assert by_name["drift-opens"].confidence is Confidence.POSSIBLE
    assert by_name["drift-opens"].message.endswith("(taken as wider than it is: meta mark)")
    assert look.remarks == ("1 loaded rule is compared without what packets do not show: meta mark",)


def test_a_limit_that_is_gone_is_uncertain_and_one_that_both_have_is_no_finding(host: HostFiles) -> None:
    limit = "tcp dport 502 limit rate over 10/second drop"
    host.model = rules(REPLIES, limit, OFFICE, PLANT)
    ((name, what),) = host.found(rules(REPLIES, OFFICE, PLANT))

    assert (name, what.endswith("is in fw.nft and not loaded")) == ("drift-uncertain", True)
    assert host.found(host.model) == []


def test_a_loaded_rule_that_cannot_be_followed_is_a_finding_and_bears_out_nothing(host: HostFiles) -> None:
    copied = {
        "family": "inet",
        "table": "t",
        "chain": "c",
        "handle": 4,
        "expr": [{"dup": {"addr": "10.30.0.9"}}],
    }
    items: list[Any] = [{"table": {"family": "inet", "name": "t"}}, {"rule": copied}]
    look = host.look(**{"nft.json": json.dumps({"nftables": items})})

    assert [finding.name for finding in look.findings] == ["drift-uncertain"]
    assert "`dup` sends copies elsewhere, which the proof cannot follow" in look.findings[0].message
    assert "ruleset:fw:fw.nft" not in [claim.assumption for claim in look.evidence.claims]


def test_what_iptables_saved_stands_for_its_tables_in_the_kernels_list() -> None:
    saved = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.10.0.0/24 -j ACCEPT\nCOMMIT\n"
    compat = {"family": "ip", "table": "filter", "chain": "FORWARD", "handle": 4, "expr": [{"xt": None}]}
    items: list[Any] = [
        {"table": {"family": "ip", "name": "filter"}},
        {"table": {"family": "inet", "name": "own"}},
        {"rule": compat},
    ]
    files = {
        "nft.json": json.dumps({"nftables": items}),
        "iptables.v4": f"# Generated by iptables-save v1.8.9 (nf_tables)\n{saved}",
    }
    loaded = read_collected(Collected(datetime(2026, 11, 27, tzinfo=UTC), files))

    assert loaded.rulesets is not None
    assert [[table.name for table in held.tables] for held in loaded.rulesets] == [["filter"], ["own"]]
    assert len(loaded.rulesets[0].tables[0].chains["FORWARD"].rules) == 1


def test_a_host_that_the_site_file_has_no_rules_for_is_held_against_none(host: HostFiles) -> None:
    host.asset = "scada"
    look = host.look(**{"addresses.json": None})

    assert look.remarks[0] == "the site file has no rules for scada: what is loaded is held against none"


def test_rules_that_were_compared_in_part_only_support_the_assumption(host: HostFiles) -> None:
    host.model = rules(REPLIES, OFFICE, PLANT, "meta mark 7 tcp dport 9 accept")
    (claim,) = [one for one in host.look().evidence.claims if one.assumption.startswith("ruleset:")]

    assert (claim.strength, claim.words) == (Strength.SUPPORTED, "but for what packets do not show")


def test_what_one_policy_does_in_the_place_of_many_rules_is_told_as_one(host: HostFiles) -> None:
    hosts = [f"ip saddr 10.20.0.{number} ip daddr 10.10.0.5 tcp dport 502 accept" for number in range(20, 40)]
    host.model = rules(REPLIES, *hosts)
    ((name, what),) = host.found(rules(REPLIES))

    assert name == "drift-closes"
    assert what.endswith("and 19 more of fw.nft are not loaded")
