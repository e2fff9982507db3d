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


def test_the_proof_says_that_it_assumes_no_connection_from_before_the_rules(tmp_path: Path) -> None:
    assumed = {one.key: one.text for one in proof_of("water-plant", tmp_path).assumptions}

    assert assumed["tracking"].endswith("and none is older than the rules")


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


TWO_SITES = """\
modwarden: 1
site: Two sites
zones:
  carrier: {level: dmz, networks: [198.51.100.0/24]}
  control:  {level: control, networks: [10.10.0.0/24]}
  pumping:  {level: field, networks: [10.40.0.0/24]}
assets:
  router-1:
    zone: carrier
    interfaces: {lan0: [10.10.0.1], wan0: [198.51.100.1]}
    forwards: true
    routes: [{to: 0.0.0.0/0, via: 198.51.100.254}]
  router-2:
    zone: carrier
    interfaces: {lan0: [10.40.0.1], wan0: [198.51.100.2]}
    forwards: true
    routes: [{to: 0.0.0.0/0, via: 198.51.100.254}]
  gate-1: {zone: control, addresses: [10.10.0.2]}
  hmi-1:  {zone: control, addresses: [10.10.0.5]}
  plc-1:  {zone: pumping, addresses: [10.40.0.17], unit_ids: [1]}
tunnels:
  pumping:
    kind: KIND
    ends:
      router-1: {address: 198.51.100.1, networks: [10.10.0.0/24], ONE}
      router-2: {address: 198.51.100.2, networks: [10.40.0.0/24], TWO}
conduits:
  water:
    from: [control]
    to: pumping
    guard: gate-1
    servers: {plc-1: {listen: "10.10.0.2:1502"}}
    rules: [{name: all, clients: [hmi-1], permit: [read]}]
"""
KNOWN = "identity: NAME.example, certificate: NAME.pem, ca: [ca.pem]"
ENDS = {
    "wireguard": ("inside: 10.9.0.1, interface: wg0", "inside: 10.9.0.2, interface: wg0"),
    "ipsec": (KNOWN.replace("NAME", "router-1"), KNOWN.replace("NAME", "router-2")),
}


@pytest.mark.parametrize("is_at_home", [False, True], ids=["carrier_is_dmz", "routers_in_ot"])
@pytest.mark.parametrize("kind", list(ENDS))
def test_two_sites_under_the_rules_written_for_them_reach_each_other_through_the_tunnel_alone(
    kind: str, tmp_path: Path, *, is_at_home: bool
) -> None:
    one, two = ENDS[kind]
    text = TWO_SITES.replace("KIND", kind).replace("ONE", one).replace("TWO", two)
    if is_at_home:
        # The tunnel's own packets reach a router of the plant, and nothing behind it.
        text = text.replace("carrier: {level: dmz", "carrier: {level: internet")
        for router, zone in (("router-1", "control"), ("router-2", "pumping")):
            text = text.replace(f"{router}:\n    zone: carrier", f"{router}:\n    zone: {zone}")
    proof = prove(hardened(text, tmp_path))

    assert proof is not None
    assert proof.findings == ()
    # What is not encrypted is refused by words that the proof takes for wider than they are.
    assert {"ipsec" in text for _, text in proof.remarks} == ({True} if kind == "ipsec" else set())
    assert {str(one) for one in proof.reach.in_words()} == {"control reaches plc-1 in pumping on tcp/502"}


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
