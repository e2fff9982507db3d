"""What changes how other rules read is told, in whichever table it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.drift.conftest import OFFICE, PLANT, REPLIES, rules

if TYPE_CHECKING:
    from tests.unit.drift.conftest import HostFiles


def listed(family: str, *expr: Any) -> dict[str, str]:
    rule = {"family": family, "table": "raw", "chain": "pre", "handle": 3, "expr": list(expr)}
    base = {"family": family, "table": "raw", "name": "pre", "handle": 1, "type": "filter"}
    chain = {**base, "hook": "prerouting", "prio": -300, "policy": "accept"}
    items = [{"table": {"family": family, "name": "raw"}}, {"chain": chain}, {"rule": rule}]
    return {"nft.json": json.dumps({"nftables": items})}


def messages(host: HostFiles, **files: str) -> list[str]:
    return [what for name, what in host.found(**files) if name == "drift-uncertain"]


@pytest.mark.parametrize("statement", ["notrack", {"notrack": None}])
def test_packets_that_are_no_more_tracked_are_told_also_from_a_table_of_its_own(
    host: HostFiles, statement: Any
) -> None:
    place = "chain pre of table ip raw, more often than in fw.nft"

    told = f"fw: takes packets out of connection tracking: {place}"
    assert told in messages(host, **listed("ip", statement))
    host.model += 'table ip raw {\n  chain pre {\n    ip saddr 10.9.9.9 notrack comment "notrack"\n  }\n}\n'
    assert told not in messages(host, **listed("ip", statement))


def test_packets_that_iptables_does_not_track_are_told(host: HostFiles) -> None:
    saved = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n"

    place = "`-A PREROUTING -j CT --notrack` (iptables-legacy.v4), more often than in fw.nft"
    assert f"fw: takes packets out of connection tracking: {place}" in messages(
        host, **{"iptables-legacy.v4": saved}
    )


def test_a_helper_and_a_table_of_another_family_are_told(host: HostFiles) -> None:
    helper = messages(host, **listed("ip", {"ct helper": "ftp"}))
    below = messages(host, **listed("netdev", {"drop": None}))

    assert any("has a helper open connections" in what or "cannot be compared" in what for what in helper)
    assert any("runs table netdev raw, which sees packets too" in what for what in below)


def test_a_table_of_another_family_that_the_model_has_is_no_finding(host: HostFiles) -> None:
    host.model = "table netdev raw {\n  chain pre {\n  }\n}\n" + rules(REPLIES, OFFICE, PLANT)

    assert messages(host, **listed("netdev", {"drop": None})) == []
