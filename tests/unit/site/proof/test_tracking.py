"""What one file of a router does to connection tracking is held against the rules of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.site.proof.conftest import SITE

RAW = """\
table ip raw {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    %s
  }
}
"""


def both_files(ground: Any, more: str, rule: str) -> Any:
    (ground.folder / "raw.nft").write_text(RAW % more)
    site = SITE.replace("[{file: fw.nft}]", "[{file: raw.nft}, {file: fw.nft}]")
    return ground.prove(rule, site=site)


@pytest.mark.parametrize(
    ("more", "rule", "opens"),
    [
        ("ip daddr 10.10.0.11 notrack", "ct state { established, related, untracked } accept", True),
        ("ip daddr 10.10.0.11 notrack", "ct state { established, related } accept", False),
        ('tcp dport 21 ct helper set "ftp"', "ct state { established, related } accept", True),
        ('tcp dport 21 ct helper set "ftp"', "ct state established accept", False),
        ("counter", "ct state { established, related, untracked } accept", False),
    ],
)
def test_what_a_rule_of_another_file_makes_of_first_packets_is_no_longer_held_back(
    ground: Any, more: str, rule: str, *, opens: bool
) -> None:
    proof = both_files(ground, more, rule)

    assert ("it-reaches-ot" in {finding.name for finding in proof.findings}) == opens
    assert any(text.startswith("taken as wider") and rule in text for _, text in proof.remarks) == opens
