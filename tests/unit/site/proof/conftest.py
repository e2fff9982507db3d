"""Small sites to prove: four zones, a firewall with the rules of a test, and what the test adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from modwarden.site import SiteError, SiteProblem, load_site
from modwarden.site.proof import Proof, prove

if TYPE_CHECKING:
    from pathlib import Path

SITE = """\
modwarden: 1
site: Proven
zones:
  internet:   {level: internet, networks: [0.0.0.0/0, "::/0"]}
  enterprise: {level: 3, networks: [10.30.0.0/16, "2001:db8:30::/64"]}
  dmz:        {level: 2, networks: [10.20.0.0/24]}
  control:    {level: 1, networks: [10.10.0.0/24, "2001:db8:10::/64"]}
assets:
  fw:
    zone: dmz
    interfaces: {wan: [203.0.113.1], it: [10.30.0.1, "2001:db8:30::1"], dmz: [10.20.0.1],
                 ot: [10.10.0.1, "2001:db8:10::1"]}
    forwards: true
    rulesets: [{file: fw.nft}]
  plc-1: {zone: control, addresses: [10.10.0.11, "2001:db8:10::11"], unit_ids: [1]}
  pc-1:  {zone: enterprise, addresses: [10.30.0.7]}
"""
CLOSED = "type filter hook forward priority filter; policy drop;"


@dataclass(frozen=True)
class Ground:
    """Writes a site and its firewall's rules into a folder, and proves it."""

    folder: Path
    site: str = SITE

    def prove(self, *rules: str, more: str = "", site: str = SITE, tables: str = "") -> Proof:
        self.write(*rules, more=more, site=site, tables=tables)
        proof = prove(load_site(self.folder / "site.yaml"))
        assert proof is not None
        return proof

    def write(self, *rules: str, more: str = "", site: str = SITE, tables: str = "") -> None:
        (self.folder / "site.yaml").write_text(site + more)
        body = "\n".join(f"    {rule}" for rule in (CLOSED, *rules))
        (self.folder / "fw.nft").write_text(
            f"table inet filter {{\n  chain forward {{\n{body}\n  }}\n}}\n{tables}"
        )

    def refusals(self, *rules: str, more: str = "", tables: str = "") -> tuple[SiteProblem, ...]:
        with pytest.raises(SiteError) as caught:
            self.prove(*rules, more=more, tables=tables)
        return caught.value.problems


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)
