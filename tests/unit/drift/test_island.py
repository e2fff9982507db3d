"""Island mode, in each of its two forms, is what should run while it is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from modwarden.drift.expected import expected_rules, is_island
from modwarden.drift.rules import compare_rules
from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import load_site
from modwarden.site.rulesets import parse_nft_text

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hardening"


@pytest.mark.parametrize(
    ("case", "host"), [("plant", "firewall"), ("plant", "gate-1"), ("backbone", "inner")]
)
@pytest.mark.parametrize("form", ["island.nft", "island-essential.nft"])
def test_either_form_of_the_island_belongs_to_what_should_be_loaded(
    case: str, host: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN / case)
    site = load_site(Path("site.yaml"))
    asset = site.assets[AssetName(host)]
    written = {file.name: file.text for file in render_host(site, asset.name)}
    loaded = [parse_nft_text(written[name], "nft.json") for name in ("rules.nft", form)]
    expected = expected_rules(site, asset, loaded)
    assert expected is not None
    links = {one.name: one.addresses for one in asset.connections.interfaces}

    assert is_island(loaded)
    assert compare_rules(site, asset, links, (expected, loaded))[0] == []
