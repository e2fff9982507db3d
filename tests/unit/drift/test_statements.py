"""What packets do not show is held against the other side by its own words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.drift.conftest import OFFICE, PLANT, REPLIES, rules

from modwarden.drift import Collected, look_at, read_collected
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from tests.unit.drift.conftest import HostFiles

STATION = "ether saddr 02:00:00:00:00:01 tcp dport 502 accept"
RATE = "tcp dport 502 limit rate over 100/second drop"
FLOOD = "update @senders { ip saddr limit rate over 10/second burst 20 packets } drop"


@pytest.mark.parametrize(
    ("model", "loaded"),
    [
        (STATION, STATION.replace("saddr", "saddr !=")),
        (STATION, STATION.replace(":01", ":02")),
        ("meta mark 7 accept", "meta mark 8 accept"),
        (RATE, RATE.replace("100/second", "1/week burst 1 packets")),
        (RATE, RATE.replace("100/second", "100/minute")),
        (RATE, RATE.replace("100", "1000")),
        (RATE.replace("drop", "accept"), RATE.replace("over ", "").replace("drop", "accept")),
        (FLOOD, FLOOD.replace("burst 20", "burst 2000")),
        ("limit rate 1 mbytes/second accept", "limit rate 1 kbytes/second accept"),
    ],
)
def test_rules_that_ask_otherwise_for_what_packets_do_not_show_are_uncertain(
    host: HostFiles, model: str, loaded: str
) -> None:
    senders = "  set senders { type ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
    host.model = rules(REPLIES, model, OFFICE, PLANT, more=senders)
    found = host.found(rules(REPLIES, loaded, OFFICE, PLANT, more=senders))

    assert [name for name, _ in found if name == "drift-uncertain"] == ["drift-uncertain"] * 2
    assert found[-2][1].endswith("is loaded and not in fw.nft")
    assert found[-1][1].endswith("is in fw.nft and not loaded")


@pytest.mark.parametrize(
    ("model", "loaded"),
    [
        (RATE, RATE.replace("100/second", "100/second burst 5 packets")),
        (STATION, STATION.replace("tcp", "counter packets 5 bytes 300 tcp") + ' comment "x"'),
        ("meta mark 0x7 accept", "meta mark 7 accept"),
        ("meta mark { 1, 2 } accept", "meta mark { 2, 0x1 } accept"),
    ],
)
def test_the_same_in_other_words_is_no_finding(host: HostFiles, model: str, loaded: str) -> None:
    host.model = rules(REPLIES, model, OFFICE, PLANT)

    assert host.found(rules(REPLIES, loaded, OFFICE, PLANT)) == []


def limited(rate: int, burst: int) -> dict[str, Any]:
    where = {"family": "inet", "table": "filter", "chain": "forward", "handle": 4}
    limit = {"limit": {"rate": rate, "burst": burst, "per": "second", "inv": True}}
    ether = {"payload": {"protocol": "ether", "field": "saddr"}}
    match = {"match": {"op": "==", "left": ether, "right": "02:00:00:00:00:01"}}
    return {**where, "expr": [match, limit, {"drop": None}]}


def names(host: HostFiles, rule: dict[str, Any]) -> list[str]:
    (host.folder / "site.yaml").write_text(host.site)
    text = "ether saddr 02:00:00:00:00:01 limit rate over 100/second drop"
    (host.folder / "fw.nft").write_text(rules(text, policy="accept"))
    base = {"family": "inet", "table": "filter", "name": "forward", "handle": 1, "type": "filter"}
    chain = {**base, "hook": "forward", "prio": 0, "policy": "accept"}
    items = [{"table": {"family": "inet", "name": "filter"}}, {"chain": chain}, {"rule": rule}]
    files = {**host.usual(), "nft.json": json.dumps({"nftables": items})}
    site = load_site(host.folder / "site.yaml")
    loaded = read_collected(Collected(datetime(2026, 11, 27, tzinfo=UTC), files))
    return [one.name for one in look_at(site, site.assets[AssetName("fw")], loaded).findings]


def test_what_nft_lists_as_json_is_held_against_words(host: HostFiles) -> None:
    assert names(host, limited(100, 5)) == []
    assert names(host, limited(100, 500)) == ["drift-uncertain"] * 2
    assert names(host, limited(1, 5)) == ["drift-uncertain"] * 2
