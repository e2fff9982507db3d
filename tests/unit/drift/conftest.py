"""A host as it should be, in files, and what a test changes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modwarden.drift import Collected, Look, look_at, read_collected
from modwarden.model import AssetName
from modwarden.site import load_site
from modwarden.site.rulesets import parse_nft_text

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Cell
zones:
  enterprise: {level: 3, networks: [10.30.0.0/24, "2001:db8:30::/64"]}
  dmz:        {level: 2, networks: [10.20.0.0/24]}
  control:    {level: 1, networks: [10.10.0.0/24]}
assets:
  fw:
    zone: dmz
    interfaces: {it: [10.30.0.1, "2001:db8:30::1"], dmz: [10.20.0.1], ot: [10.10.0.1]}
    forwards: true
    routes: [{to: 10.40.0.0/16, via: 10.30.0.9}]
    rulesets: [{file: fw.nft}]
    management: {from: [jump], ports: [tcp/22]}
  jump:      {zone: dmz, addresses: [10.20.0.9], relay: {kind: jump_host, listens: [tcp/22]}}
  historian: {zone: dmz, addresses: [10.20.0.5]}
  scada:     {zone: control, addresses: [10.10.0.5]}
  hmi-[1-3]: {zone: control, addresses: ["10.10.0.[11-13]"]}
"""
HEAD = "type filter hook {0} priority filter; policy {1};"
REPLIES = "ct state established,related accept"
OFFICE = "ip saddr 10.30.0.0/24 ip daddr 10.20.0.5 tcp dport 443 accept"
PLANT = "ip saddr 10.20.0.5 ip daddr 10.10.0.0/24 tcp dport 502 accept"


def rules(*forward: str, policy: str = "drop", more: str = "") -> str:
    body = "\n".join(f"    {line}" for line in (HEAD.format("forward", policy), *forward))
    return f"table inet filter {{\n  chain forward {{\n{body}\n  }}\n{more}}}\n"


def link(name: str, *addresses: str) -> dict[str, Any]:
    pairs = [address.split("/") for address in addresses]
    return {
        "ifname": name,
        "addr_info": [{"local": host, "prefixlen": int(length)} for host, length in pairs],
    }


def addresses(**more: str) -> str:
    held = {
        "lo": ["127.0.0.1/8"],
        "it": ["10.30.0.1/24", "2001:db8:30::1/64"],
        "dmz": ["10.20.0.1/24"],
        "ot": ["10.10.0.1/24"],
    }
    for name, address in more.items():
        held.setdefault(name, []).append(address)
    return json.dumps([link(name, *own) for name, own in held.items()])


ROUTES = [
    {"dst": "10.40.0.0/16", "gateway": "10.30.0.9", "dev": "it", "protocol": "static"},
    *(
        {"dst": f"10.{net}.0.0/24", "dev": name, "protocol": "kernel", "scope": "link"}
        for net, name in ((30, "it"), (20, "dmz"), (10, "ot"))
    ),
    {"type": "local", "dst": "10.10.0.1", "dev": "ot", "table": "local", "protocol": "kernel"},
    {"type": "blackhole", "dst": "10.0.0.0/8"},
]
POLICIES = [
    {"priority": 0, "src": "all", "table": "local"},
    {"priority": 32766, "src": "all", "table": "main"},
]
SOCKETS = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv4/ip_local_port_range": "32768 60999",
    "ipv4/conf/it/forwarding": "1",
    "ipv4/conf/all/forwarding": "1",
    "ipv6/conf/it/forwarding": "0",
}


def socket(local: str, state: str, inode: int) -> str:
    queues = "00000000:00000000 00:00000000 00000000"
    return f"   0: {local} 00000000:0000 {state} {queues}     0        0 {inode} 1\n"


@dataclass
class HostFiles:
    """Collects the files of the firewall, and looks at them."""

    folder: Path
    site: str = SITE
    model: str = field(default_factory=lambda: rules(REPLIES, OFFICE, PLANT))
    files: dict[str, str] = field(default_factory=dict)
    asset: str = "fw"

    def look(self, loaded: str | None = None, /, **files: str | None) -> Look:
        (self.folder / "site.yaml").write_text(self.site)
        (self.folder / "fw.nft").write_text(self.model)
        site = load_site(self.folder / "site.yaml")
        changed = {name.replace("__", "."): text for name, text in files.items()}
        held = {**self.usual(), **self.files, **changed}
        there = {name: text for name, text in held.items() if text is not None}
        missing = {name: "it is not there" for name, text in held.items() if text is None}
        collected = Collected(datetime(2026, 11, 27, 20, 0, tzinfo=UTC), there, missing)
        found = read_collected(collected)
        if found.rulesets is not None:
            # Tests write rules as people read them.
            found = replace(
                found, rulesets=(*found.rulesets, parse_nft_text(loaded or self.model, "nft.json"))
            )
        return look_at(site, site.assets[AssetName(self.asset)], found)

    def found(self, loaded: str | None = None, /, **files: str | None) -> list[tuple[str, str]]:
        return [(one.name, one.message) for one in self.look(loaded, **files).findings]

    def usual(self) -> dict[str, str]:
        return {
            "nft.json": json.dumps({"nftables": []}),
            "addresses.json": addresses(),
            "routes4.json": json.dumps(ROUTES),
            "routes6.json": json.dumps([{"dst": "2001:db8:30::/64", "dev": "it", "protocol": "kernel"}]),
            "rules4.json": json.dumps(POLICIES),
            "rules6.json": json.dumps(POLICIES),
            "tcp": SOCKETS,
            "tcp6": SOCKETS,
            "udp": SOCKETS,
            "udp6": SOCKETS,
            "holders.json": "{}",
            "settings.json": json.dumps(SETTINGS),
            "xfrm.policy": "",
        }


@pytest.fixture
def host(tmp_path: Path) -> HostFiles:
    return HostFiles(tmp_path)
