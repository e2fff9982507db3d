"""What iptables-save prints, line by line."""

from __future__ import annotations

import pytest

from modwarden.site.rulesets import Action, Hook, Rule, RulesetError, parse_iptables_save
from modwarden.site.rulesets.sets import V4, IntervalSet

HEAD = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [1:2]\n:ot - [0:0]\n"


def rule(words: str, table: str = HEAD) -> Rule:
    ruleset = parse_iptables_save(f"{table}[3:9] -A FORWARD {words}\nCOMMIT\n", "fw.v4")
    return ruleset.tables[0].chains["FORWARD"].rules[0]


def span(low: int, high: int) -> IntervalSet:
    return IntervalSet(((low, high),))


TCP = 6 * 65_536


def test_chains_have_their_hook_and_policy() -> None:
    table = parse_iptables_save(HEAD + "COMMIT\n", "fw.v4").tables[0]
    forward = table.chains["FORWARD"]

    assert (forward.hook, forward.accepts, table.chains["ot"].hook) == (Hook.FORWARD, False, None)
    assert table.packets == V4


def test_addresses_ports_and_interfaces_are_read() -> None:
    read = rule(
        '-s 10.0.0.0/8 -i eth0 ! -o eth1 -p tcp -m tcp --dport 502:503 -m comment --comment "a b" -j ACCEPT'
    )
    match = read.matches[0]

    assert match.source == span(0x0A000000, 0x0B000000)
    assert match.service == span(TCP + 502, TCP + 504)
    assert (match.inward[0].patterns, match.outward[0].is_negated) == (("eth0",), True)
    assert (read.action, read.origin.line, read.uncertain) == (Action.ACCEPT, 5, ())
    assert read.text.startswith("-A FORWARD -s 10.0.0.0/8")


@pytest.mark.parametrize(
    ("words", "service"),
    [
        ("-p tcp -m multiport --dports 22,80:81 -j ACCEPT", ((TCP + 22, TCP + 23), (TCP + 80, TCP + 82))),
        ("-p tcp -m tcp ! --dport 502 -j ACCEPT", ((TCP, TCP + 502), (TCP + 503, TCP + 65_536))),
        ("-p icmp -j ACCEPT", ((65_536, 2 * 65_536),)),
    ],
)
def test_ports_are_read_in_every_form(words: str, service: tuple[tuple[int, int], ...]) -> None:
    assert rule(words).matches[0].service.intervals == service


def test_ranges_of_addresses_are_read() -> None:
    assert rule("-m iprange --dst-range 10.0.0.1-10.0.0.3 -j DROP").matches[0].destination == span(
        0x0A000001, 0x0A000004
    )


@pytest.mark.parametrize(("states", "matches"), [("RELATED,ESTABLISHED", False), ("NEW,ESTABLISHED", True)])
def test_a_rule_for_replies_matches_no_first_packet(states: str, *, matches: bool) -> None:
    assert bool(rule(f"-m conntrack --ctstate {states} -j ACCEPT").matches) == matches


@pytest.mark.parametrize(
    ("words", "doubt"),
    [
        ("-m limit --limit 5/sec -j ACCEPT", "-m limit"),
        ("-m set --match-set plcs dst -j DROP", "-m set"),
        ("-m mac --mac-source 00:11:22:33:44:55 -j ACCEPT", "-m mac"),
        ("-m conntrack --ctstate DNAT -j ACCEPT", "--ctstate DNAT"),
        ("-p tcp -m tcp --tcp-flags SYN,RST SYN -j DROP", "--tcp-flags"),
        ("-p icmp -m icmp --icmp-type 8 -j ACCEPT", "--icmp-type"),
    ],
)
def test_what_the_packet_does_not_show_makes_a_rule_uncertain(words: str, doubt: str) -> None:
    assert doubt in rule(words).uncertain


NAT = "*nat\n:FORWARD ACCEPT [0:0]\n"


@pytest.mark.parametrize(
    ("words", "action", "addresses", "ports"),
    [
        (
            "-p tcp -j DNAT --to-destination 10.0.0.5:502",
            Action.DNAT,
            span(0x0A000005, 0x0A000006),
            span(502, 503),
        ),
        ("-j DNAT --to-destination 10.0.0.5-10.0.0.6", Action.DNAT, span(0x0A000005, 0x0A000007), None),
        ("-j SNAT --to-source 10.0.0.9", Action.SNAT, span(0x0A000009, 0x0A00000A), None),
        ("-o eth0 -j MASQUERADE", Action.MASQUERADE, None, None),
        ("-p tcp -j REDIRECT --to-ports 8080", Action.REDIRECT, None, span(8080, 8081)),
        ("-d 10.1.0.0/24 -j NETMAP --to 10.2.0.0/24", Action.DNAT, span(0x0A020000, 0x0A020100), None),
    ],
)
def test_translations_are_read(words: str, action: Action, addresses: object, ports: object) -> None:
    read = rule(words, NAT)
    assert read.translation is not None

    assert (read.action, read.translation.addresses, read.translation.ports) == (action, addresses, ports)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (HEAD, 4, "the table has no COMMIT"),
        (HEAD + "-A NOWHERE -j ACCEPT\nCOMMIT\n", 5, "this is no rule of a chain"),
        (HEAD + "-A FORWARD -s ten -j ACCEPT\nCOMMIT\n", 5, "'ten' is no address"),
        (HEAD + "-A FORWARD -p tcp --dport foo:1 -j ACCEPT\nCOMMIT\n", 5, "'foo:1' is no port"),
        (HEAD + "-A FORWARD -j TEE --gateway 10.0.0.1\nCOMMIT\n", 5, "the target TEE is not understood"),
        (HEAD + '-A FORWARD -m comment --comment "open\nCOMMIT\n', 5, "this is no rule"),
        ("-A FORWARD -j ACCEPT\n", 1, "this stands in no table"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(RulesetError) as caught:
        parse_iptables_save(text, "fw.v4")

    assert what in caught.value.what
    assert caught.value.origin.line == line


@pytest.mark.parametrize("comment", ["--state", "-i", "-j DROP", "!", "-s", "--dport"])
def test_a_comment_is_one_word_whatever_it_looks_like(comment: str) -> None:
    read = rule(f'-p tcp -m comment --comment "{comment}" -m tcp --dport 502 -j ACCEPT')

    assert (read.action, read.uncertain) == (Action.ACCEPT, ())
    assert read.matches[0].service == span(TCP + 502, TCP + 503)
    assert read.matches[0].inward == ()


def test_a_prefix_of_the_log_that_looks_like_an_option_is_none() -> None:
    read = rule('-p tcp -j LOG --log-prefix "-i" --log-level 4')

    assert (read.action, read.matches[0].inward, read.uncertain) == (Action.CONTINUE, (), ())


def test_a_plus_stands_for_any_rest_of_a_name() -> None:
    inward, outward = (rule(f"{option} it+ -j DROP").matches[0] for option in ("-i", "! -o"))

    assert [inward.inward[0].holds(name) for name in ("it", "it0", "ot0")] == [True, True, False]
    assert not outward.outward[0].holds("it0")


def test_a_star_in_a_name_is_none_of_iptables_signs_and_refused() -> None:
    with pytest.raises(RulesetError, match="'it\\*' is no interface"):
        rule("-i it* -j DROP")


@pytest.mark.parametrize("target", ["DROP", "ot", "REJECT --reject-with tcp-reset"])
def test_a_match_behind_the_target_counts(target: str) -> None:
    read = rule(f"-p tcp -j {target} -m tcp --tcp-flags FIN,SYN,RST,ACK SYN --dport 502")

    assert read.uncertain == ("--tcp-flags",)
    assert read.matches[0].service == span(TCP + 502, TCP + 503)


@pytest.mark.parametrize(
    "words",
    ["-p tcp -j REJECT --reject-with tcp-reset", "-j MARK --set-xmark 0x1/0xff", "-j LOG --log-level 4"],
)
def test_options_of_a_target_ask_nothing_of_a_packet(words: str) -> None:
    assert rule(words).uncertain == ()


def test_what_tproxy_takes_is_taken_by_a_socket_of_the_host() -> None:
    read = rule("-p tcp -m tcp --dport 502 -j TPROXY --on-port 1502 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1")

    assert (read.action, read.uncertain) == (Action.TPROXY, ())
