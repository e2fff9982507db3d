"""What a host has loaded, held against what transparent conduits need: all that is missing is named."""

import json
from typing import Any

import pytest

from modwarden.guard import _loaded
from modwarden.guard._loaded import NotLoadedError, check_loaded
from modwarden.model import Diversion

DIVERSION = Diversion("cell", 15502, ("lan0",), "lan1", (4,), fails_open=False)
OPEN = Diversion("cell", 15502, ("lan0",), "lan1", (4,), fails_open=True)


def match(key: str, right: object) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": right}}


def rule(chain: str, comment: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"chain": chain, "comment": comment, "expr": list(parts)}}


def divert(*, port: int = 15502, mark: int = 0x4D57, interface: object = "lan0") -> dict[str, Any]:
    take = {"tproxy": {"family": "ip", "addr": "127.0.0.1", "port": port}}
    marks = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": mark}}
    return rule("divert", "cell: diverted v4", match("iifname", interface), take, marks, {"accept": None})


LEADS = rule("closed", "to lan1", match("oifname", "lan1"), {"goto": {"target": "to_servers_0"}})
REFUSES = rule("to_servers_0", "closed towards lan1", {"reject": {"type": "tcp reset"}})
PASSES = rule("to_servers_0", "cell: open", {"counter": {"packets": 7, "bytes": 1}}, {"accept": None})
LED = {"priority": 10502, "fwmark": "0x4d57", "table": "19799"}
DELIVERED = {"type": "local", "dst": "default", "dev": "lo"}


class Host:
    """What `nft` and `ip` say of a host."""

    def __init__(self) -> None:
        self.divert: list[dict[str, Any]] | None = [divert()]
        self.closed: list[dict[str, Any]] | None = [LEADS, REFUSES]
        self.rules: list[dict[str, Any]] = [LED]
        self.routes: list[dict[str, Any]] = [DELIVERED]

    def ask(self, program: str, *arguments: str) -> str:
        if program == "ip":
            return json.dumps(self.rules if "rule" in arguments else self.routes)
        told = {"modwarden_divert": self.divert, "modwarden_closed": self.closed}[arguments[-1]]
        return "" if told is None else json.dumps({"nftables": [{"metainfo": {}}, *told]})


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(_loaded, "_ask", host.ask)
    return host


def missing(diversion: Diversion = DIVERSION) -> list[str]:
    with pytest.raises(NotLoadedError) as caught:
        check_loaded([diversion])
    return [line.strip() for line in str(caught.value).splitlines()[1:-1]] or [str(caught.value)]


def test_without_transparent_conduits_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loaded, "_ask", None)

    assert check_loaded([]).open_packets == {}


def test_all_that_is_needed_is_enough(host: Host) -> None:
    del host

    assert check_loaded([DIVERSION]).open_packets == {}


def test_several_interfaces_are_one_set(host: Host) -> None:
    host.divert = [divert(interface={"set": ["lan0", "lan2"]})]

    assert check_loaded([DIVERSION]).open_packets == {}


def test_where_the_conduit_fails_open_its_packets_are_told(host: Host) -> None:
    host.closed = [LEADS, PASSES, REFUSES]

    assert check_loaded([OPEN]).open_packets == {"cell": 7}


@pytest.mark.parametrize(
    "loaded", [None, [], [divert(port=1)], [divert(mark=1)], [divert(interface="lan9")]], ids=str
)
def test_a_rule_that_does_not_divert_is_missing(host: Host, loaded: list[dict[str, Any]] | None) -> None:
    host.divert = loaded

    assert missing() == [
        "table inet modwarden_divert: no rule diverts IPv4 from lan0 to port 15502 for conduit 'cell'"
    ]


@pytest.mark.parametrize(
    "loaded",
    [
        None,
        [REFUSES],
        [LEADS],
        [LEADS, rule("to_servers_0", "closed towards lan1", {"accept": None})],
        [rule("closed", "to lan1", match("oifname", "lan9"), {"goto": {"target": "to_servers_0"}}), REFUSES],
    ],
    ids=str,
)
def test_a_refusal_that_no_packet_meets_is_missing(host: Host, loaded: list[dict[str, Any]] | None) -> None:
    host.closed = loaded

    assert missing() == [
        "table inet modwarden_closed: nothing refuses TCP towards lan1 while 'cell' has no guard"
    ]


def test_what_fails_open_is_no_rule_for_a_conduit_that_fails_closed(host: Host) -> None:
    host.closed = [LEADS, PASSES, REFUSES]

    why = "lets 'cell' pass without a guard, yet the site file says `guard: closed`"

    assert missing() == [f"table inet modwarden_closed: {why}"]


def test_nor_the_other_way_round(host: Host) -> None:
    del host

    assert missing(OPEN) == [
        "table inet modwarden_closed: closes 'cell' without a guard, yet the site file says `guard: open`"
    ]


def test_a_mark_that_leads_nowhere_is_missing(host: Host) -> None:
    host.rules, host.routes = [{**LED, "fwmark": "0x1"}], [{**DELIVERED, "type": "unicast"}]

    assert missing() == [
        "ip -4 rule: nothing leads mark 0x4d57 to table 19799",
        "ip -4 route: table 19799 does not deliver here (local default dev lo)",
    ]


def test_a_tool_that_is_not_there_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loaded, "_SYSTEM_PATH", "/nowhere")

    assert missing() == ["transparent insertion: nft is not there: install the package nftables"]
