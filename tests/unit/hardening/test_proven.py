"""What is written for the routers of the example plants, read back by the importer and proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doubles.hardened import hardened

from modwarden.hardening import render_host
from modwarden.model import AssetName
from modwarden.site import check_site, load_site
from modwarden.site.proof import Proof, prove

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def proof_of(plant: str, folder: Path) -> Proof:
    site = hardened((EXAMPLES / plant / "after" / "site.yaml").read_text(), folder)
    proof = prove(site)
    assert proof is not None
    assert check_site(site) == []
    return proof


@pytest.mark.parametrize(
    ("plant", "reached"),
    [
        (
            "pharma-building",
            {
                "enterprise reaches historian in dmz on tcp/443",
                "enterprise reaches addresses without an asset in internet on tcp/80, tcp/443",
                "enterprise reaches addresses without an asset in internet on udp/443",
                "dmz reaches gate-1 in control on tcp/15001-15200",
                "control reaches ahu-[001-200] in building on tcp/502",
            },
        ),
        (
            "water-plant",
            {
                "city reaches historian in dmz on tcp/443",
                "city reaches jump in dmz on tcp/22",
                "dmz reaches gate-1 in control on tcp/1501-1512",
                "dmz reaches scada in control on tcp/22",
                "control reaches gw-[01-12] in field on tcp/502",
            },
        ),
    ],
)
def test_a_plant_under_the_rules_written_for_it_lets_pass_what_it_declares_and_nothing_else(
    plant: str, reached: set[str], tmp_path: Path
) -> None:
    proof = proof_of(plant, tmp_path)

    assert proof.findings == ()
    assert proof.remarks == ()
    assert {str(one) for one in proof.reach.in_words()} == reached


def test_no_path_leads_into_the_plant_or_out_of_it_while_it_is_an_island(tmp_path: Path) -> None:
    site = hardened((EXAMPLES / "water-plant" / "after" / "site.yaml").read_text(), tmp_path)
    text = site.path.read_text()
    for router in ("city-firewall", "plant-firewall"):
        rules, island = (f"{{file: hardened/{router}/{file}.nft}}" for file in ("rules", "island"))
        text = text.replace(f"rulesets: [{rules}]", f"rulesets: [{rules}, {island}]")
    site.path.write_text(text)
    proof = prove(load_site(site.path))

    assert proof is not None
    assert proof.remarks == ()
    assert {str(one) for one in proof.reach.in_words()} == {
        "city reaches historian in dmz on tcp/443",
        "city reaches jump in dmz on tcp/22",
        "control reaches gw-[01-12] in field on tcp/502",
    }


def test_a_flow_from_the_offices_into_the_plant_is_found_by_the_proof_of_its_own_rules(
    tmp_path: Path,
) -> None:
    text = (EXAMPLES / "water-plant" / "after" / "site.yaml").read_text()
    flow = "flows:\n  shortcut: {from: [city], to: [scada], ports: [tcp/3389]}\n"
    proof = prove(hardened(text.replace("flows:\n", flow), tmp_path))

    assert proof is not None
    assert {(one.name, Path(one.origin.file).parts[-2:]) for one in proof.findings} == {
        ("it-reaches-ot", ("plant-firewall", "rules.nft"))
    }


@pytest.mark.parametrize("host", ["pharma-building/after/ot-firewall", "water-plant/after/plant-firewall"])
def test_the_files_beside_the_examples_are_what_is_written_for_them(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _, router = host.rpartition("/")
    monkeypatch.chdir(EXAMPLES / place)
    site = load_site(Path("site.yaml"))
    written = {file.name: file.text for file in render_host(site, AssetName(router))}
    held = Path("hardened") / router

    assert {path.name: path.read_text() for path in held.iterdir()} == written
