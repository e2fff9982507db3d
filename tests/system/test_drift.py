"""A router under nftables in a namespace: drift is silent until something changes, and then names it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.netns import Host, cable, hosts, missing_in_kernel

from modwarden.cli import main
from modwarden.drift import Collected, look_at, read_collected
from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "hardening"
NOW = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
SITE = """\
modwarden: 1
site: Cell
zones:
  enterprise: {level: 3, networks: [10.30.0.0/24]}
  dmz:        {level: 2, networks: [10.20.0.0/24]}
  control:    {level: 1, networks: [10.10.0.0/24]}
assets:
  plant-firewall:
    zone: dmz
    interfaces: {it: [10.30.0.1], dmz: [10.20.0.1], ot: [10.10.0.1]}
    forwards: true
    routes: []
    rulesets: [{file: plant-firewall.nft}]
  historian: {zone: dmz, addresses: [10.20.0.5]}
  scada:     {zone: control, addresses: [10.10.0.5]}
  hmi-[1-3]: {zone: control, addresses: ["10.10.0.[11-13]"]}
"""
RULES = """\
table inet filter {
  set stations { type ipv4_addr; flags interval; elements = { 10.10.0.5, 10.10.0.11-10.10.0.13 } }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "dmz" tcp dport 22 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ip saddr 10.30.0.0/24 ip daddr 10.20.0.5 tcp dport 443 accept comment "office reads the historian"
    ip saddr 10.20.0.5 ip daddr @stations tcp dport 502 accept
    meta l4proto icmp limit rate 5/second accept
  }
}
table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    ip daddr 10.30.0.1 tcp dport 8443 dnat to 10.20.0.5:443
  }
}
"""
_LED_TO_444 = "add rule ip nat pre ip daddr 10.30.0.1 tcp dport 8443 dnat to 10.20.0.5:444\n"
# The process ends with the test that started it, or after a minute.
_LISTEN = """\
import socket, sys
held = socket.create_server(("0.0.0.0", 8080))
print("there", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Firewall:
    """The router, and where its site file lies."""

    host: Host
    folder: Path

    def drift(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        done = self.run("drift", str(self.folder / "site.yaml"), "--as", "plant-firewall", "--json", *words)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(done.stdout)["findings"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.host.run(sys.executable, "-m", "modwarden.cli", *words, check=False)

    def found(self) -> list[tuple[str, str]]:
        return [(one["name"], one["what"]) for one in self.drift()[1]]


@contextmanager
def _cabled() -> Iterator[Host]:
    with hosts("f", "i", "d", "o") as (host, it, dmz, ot):
        legs = (("it", it, "10.30.0.1"), ("dmz", dmz, "10.20.0.1"), ("ot", ot, "10.10.0.1"))
        for name, other, address in legs:
            cable(host, name, other, "eth0")
            host.ip("addr", "add", f"{address}/24", "dev", name)
        host.sysctl("net.ipv4.ip_forward=1")
        yield host


@pytest.fixture
def firewall(tmp_path: Path) -> Iterator[Firewall]:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "plant-firewall.nft").write_text(RULES)
    with _cabled() as host:
        host.nft(RULES)
        yield Firewall(host, tmp_path)


@contextmanager
def listening(host: Host) -> Iterator[None]:
    command = host.command(sys.executable, "-c", _LISTEN)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        yield
        child.communicate("", timeout=60)


def test_a_rule_added_by_hand_is_named_with_what_it_opens_and_by_its_handle(firewall: Firewall) -> None:
    rule = (
        'inet filter forward ip saddr 10.30.0.0/24 tcp dport 22 ip daddr @stations accept comment "weekend"'
    )
    firewall.host.run("nft", "insert", "rule", rule)
    ((name, what),) = firewall.found()

    assert name == "drift-opens"
    assert what.startswith("plant-firewall: opens tcp/22 from enterprise to scada, hmi-[1-3]: by rule `")
    assert 'comment "weekend"` (handle ' in what
    assert what.endswith("not in plant-firewall.nft")


def test_a_rule_deleted_by_hand_closes_and_a_rule_of_the_same_effect_is_no_finding(
    firewall: Firewall,
) -> None:
    listed = json.loads(firewall.host.run("nft", "-j", "list", "chain", "inet", "filter", "forward").stdout)
    handle = next(
        item["rule"]["handle"]
        for item in listed["nftables"]
        if item.get("rule", {}).get("comment") == "office reads the historian"
    )
    firewall.host.run("nft", "delete", "rule", "inet", "filter", "forward", "handle", str(handle))
    closed = firewall.found()
    halves = ("10.30.0.0/25", "10.30.0.128/25")
    for half in halves:
        words = f"inet filter forward ip saddr {half} tcp dport https ip daddr 10.20.0.5 counter accept"
        firewall.host.run("nft", "add", "rule", words)

    assert [name for name, _ in closed] == ["drift-closes"]
    # What the translation leads there is closed with it.
    assert (
        "closes tcp/443, tcp/8443 from enterprise to plant-firewall, historian: by the policy" in closed[0][1]
    )
    assert closed[0][1].endswith("of plant-firewall.nft is not loaded")
    assert firewall.found() == []


def test_a_translation_led_elsewhere_is_named(firewall: Firewall) -> None:
    firewall.host.nft(f"flush chain ip nat pre\n{_LED_TO_444}".replace("10.20.0.5:444", "10.10.0.5:502"))
    found = dict(firewall.found())

    assert set(found) == {"drift-opens", "drift-closes"}
    # The filter behind lets only the historian's packets go on to a station.
    assert "opens tcp/8443 from historian to plant-firewall: by rule" in found["drift-opens"]
    assert "closes tcp/8443 from enterprise to plant-firewall: by the policy drop" in found["drift-closes"]


def test_a_translation_to_another_port_that_passes_as_well_is_named(firewall: Firewall) -> None:
    add = "add rule inet filter forward ip saddr 10.30.0.0/24 ip daddr 10.20.0.5 tcp dport 444 accept"
    firewall.host.nft(f"{add}\nflush chain ip nat pre\n{_LED_TO_444}")
    found = dict(firewall.found())

    assert set(found) == {"drift-opens", "drift-rewrites"}
    assert "rewrites tcp/8443 from enterprise to plant-firewall: by rule" in found["drift-rewrites"]


def test_a_table_that_is_gone_opens_all_and_is_named(firewall: Firewall) -> None:
    firewall.host.run("nft", "delete", "table", "inet", "filter")
    found = firewall.found()

    assert {name for name, _ in found} == {"drift-opens", "drift-uncertain"}
    # ICMP passed in part: how much, no packet shows.
    gone = "opens protocol 0, protocols 2-255 from anywhere to anywhere: chain forward of table inet filter"
    assert any(gone in what for _, what in found)
    assert any("to itself: chain input of table inet filter" in what for _, what in found)


def test_a_route_an_address_a_listener_and_a_routing_rule_by_hand_are_each_named(firewall: Firewall) -> None:
    firewall.host.ip("route", "add", "10.40.0.0/16", "via", "10.30.0.9")
    firewall.host.ip("addr", "add", "10.10.0.77/24", "dev", "ot")
    firewall.host.ip("rule", "add", "pref", "100", "fwmark", "7", "lookup", "77")
    with listening(firewall.host):
        found = firewall.found()

    assert [name for name, _ in found] == ["drift-address", "drift-route", "drift-route", "drift-listener"]
    assert "opens a leg into control: 10.10.0.77 on ot" in found[0][1]
    assert (
        "opens a way to 10.40.0.0/16 (no declared zone): route 10.40.0.0/16 via 10.30.0.9 dev it"
        in found[1][1]
    )
    assert "opens other ways by policy routing: ip -4 rule 100:" in found[2][1]
    assert "opens tcp/8080: tcp 0.0.0.0:8080 (held by python" in found[3][1]


def test_what_was_collected_elsewhere_is_held_against_the_model_as_it_was_then(firewall: Firewall) -> None:
    folder = firewall.folder / "collected"
    done = firewall.run("drift", "--collect", str(folder))
    firewall.host.run("nft", "flush", "ruleset")

    assert (done.returncode, done.stderr) == (0, "")
    assert firewall.drift("--from", str(folder)) == (0, [])
    assert firewall.drift()[0] == 1


def test_a_host_as_it_should_be_is_no_finding_and_its_evidence_verifies_the_assumption(
    firewall: Firewall, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = firewall.folder / "evidence.json"
    code, found = firewall.drift("--evidence", str(evidence))
    checked = ["check", str(firewall.folder / "site.yaml"), "--proof", "--evidence", str(evidence)]

    assert (code, found) == (0, [])
    main(checked)
    assert "and nothing changes it" in (said := capsys.readouterr().out)
    # How many packets a rate lets pass, no packet shows.
    assert said.count("supported by drift from plant-firewall at 20") == 1
    assert said.count("verified by drift from plant-firewall at 20") == 1
    (firewall.folder / "plant-firewall.nft").write_text(RULES.replace("443 accept", "444 accept"))
    main(checked)
    assert "of what has changed since" in capsys.readouterr().out


def test_who_may_not_look_at_the_rules_is_told_and_nothing_is_claimed(firewall: Firewall) -> None:
    evidence = firewall.folder / "evidence.json"
    firewall.folder.chmod(0o777)
    words = (
        "drift",
        str(firewall.folder / "site.yaml"),
        "--as",
        "plant-firewall",
        "--evidence",
        str(evidence),
    )
    done = firewall.host.run(
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        sys.executable,
        "-m",
        "modwarden.cli",
        *words,
        check=False,
    )

    assert "remark: not seen: nft.json: Operation not permitted" in done.stdout
    assert (done.returncode, "no difference" in done.stdout) == (3, False)
    assert "plant-firewall: not compared: rules, as of" in done.stdout
    # Without the rights for it IPsec's policies are not shown either, and they may lead past the routes.
    assert json.loads(evidence.read_text())["claims"] == []


@pytest.mark.parametrize("case", ["plant/firewall", "plant/gate-1", "routed/gate-1", "same_subnet/gate-1"])
def test_rules_that_harden_wrote_and_nft_loaded_are_the_same_again(case: str) -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    folder, _, asset = case.partition("/")
    site = load_site(GOLDEN / folder / "site.yaml")
    with hosts("g") as (gate,):
        gate.nft(next(file.text for file in render_host(site, AssetName(asset)) if file.name == "rules.nft"))
        listed = gate.run("nft", "-j", "list", "ruleset").stdout
        gate.run("nft", "flush", "ruleset")
        emptied = gate.run("nft", "-j", "list", "ruleset").stdout
    as_loaded, without = (
        look_at(site, site.assets[AssetName(asset)], read_collected(Collected(NOW, {"nft.json": text})))
        for text in (listed, emptied)
    )

    assert [finding.message for finding in as_loaded.findings] == []
    assert {"drift-opens"} <= {finding.name for finding in without.findings}


@pytest.mark.needs_tool("iptables-restore")
def test_rules_of_iptables_are_compared_as_iptables_saves_them(tmp_path: Path) -> None:
    rule = "-A FORWARD -s 10.30.0.0/24 -d 10.20.0.5 -p tcp --dport 443 -j ACCEPT"
    replies = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    saved = f"*filter\n:FORWARD DROP [0:0]\n{replies}\n{rule}\nCOMMIT\n"
    (tmp_path / "site.yaml").write_text(SITE.replace("plant-firewall.nft", "plant-firewall.v4"))
    (tmp_path / "plant-firewall.v4").write_text(saved)
    with _cabled() as host:
        firewall = Firewall(host, tmp_path)
        host.run("iptables-restore", input=saved)
        as_loaded = firewall.found()
        host.run("iptables", "-I", "FORWARD", "-s", "10.30.0.7", "-d", "10.10.0.0/24", "-j", "ACCEPT")
        ((name, what),) = firewall.found()

    assert (as_loaded, name) == ([], "drift-opens")
    assert "opens any service from part of enterprise to control: by rule `-A FORWARD -s 10.30.0.7/32" in what


def test_a_bridge_another_table_a_policy_of_ipsec_and_the_old_iptables_are_seen(firewall: Firewall) -> None:
    host = firewall.host
    host.ip("route", "add", "10.50.0.0/16", "via", "10.30.0.9", "table", "default")
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("link", "set", "ot", "master", "br0")
    networks = ("src", "10.30.0.0/24", "dst", "10.10.0.0/24")
    ends = ("src", "10.30.0.1", "dst", "10.30.0.9")
    has_xfrm = host.run(
        *("ip", "xfrm", "policy", "add", *networks, "dir", "fwd", "tmpl", *ends, "proto", "esp"), check=False
    )
    found = firewall.found()

    assert {name for name, _ in found} >= {"drift-route", "drift-interface"}
    assert ("drift-interface", "plant-firewall: opens ways below its rules: ot is a port of br0") in found
    assert any("opens a way to 10.50.0.0/16" in what for _, what in found)
    if has_xfrm.returncode == 0:
        assert any("opens a way by IPsec: src 10.30.0.0/24" in what for _, what in found)
