"""`modwarden harden`: the files of a guard's host in a folder, and what is said about them."""

from pathlib import Path

import pytest

from modwarden.cli import main

SITE = """\
modwarden: 1
site: Cell
zones:
  field:   {networks: [10.11.0.0/24]}
  control: {networks: [10.10.0.0/24]}
assets:
  gate-1: {zone: control, addresses: [10.10.0.2]}
  hmi-1:  {zone: control, addresses: [10.10.0.5]}
  plc-1:  {zone: field, addresses: [10.11.0.1], unit_ids: [1]}
conduits:
  cell:
    from: [control]
    to: field
    guard: gate-1
    insertion: transparent
    transparent: {clients_on: [lan0], servers_on: lan1}
    servers: {plc-1: {}}
    rules: [{name: reads, clients: [hmi-1], permit: [read]}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    return tmp_path / "site.yaml"


def test_it_writes_each_file_into_its_hosts_folder_says_where_it_belongs_and_can_be_run_again(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.parent / "hosts"
    first = main(["harden", str(site), "-o", str(folder)])
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    second = main(["harden", str(site), "-o", str(folder)])
    said = capsys.readouterr().out
    programs = {path.name for path in written if path.stat().st_mode & 0o111}

    assert (first, second) == (0, 0)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written
    assert programs == {"routes.sh", "forwarding.sh"}
    assert {path.parent for path in written} == {folder / "gate-1"}
    assert f"{folder}/gate-1/rules.nft -> /etc/modwarden/rules.nft" in said


def test_who_could_not_reach_a_host_any_more_is_warned(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["harden", str(site), "-o", str(site.parent / "hosts")])
    without = capsys.readouterr().out
    managed = "addresses: [10.10.0.2], management: {from: [hmi-1], ports: [tcp/22]}"
    site.write_text(SITE.replace("addresses: [10.10.0.2]", managed))
    main(["harden", str(site), "-o", str(site.parent / "hosts")])

    assert f"the unit of gate-1 does not see {site}: keep the site file" in without
    assert f"no `management:` at {site}:7: once loaded, nobody can connect to gate-1 itself" in without
    assert "management" not in capsys.readouterr().out


def test_routers_and_guards_each_have_a_folder_and_one_can_be_chosen(site: Path) -> None:
    router = "  core: {zone: control, interfaces: {a0: [10.10.0.1], b0: [10.11.0.254]}, forwards: true}\n"
    site.write_text(SITE.replace("  plc-1:", f"{router}  plc-1:"))
    folder = site.parent / "hosts"
    one = main(["harden", str(site), "-o", str(folder), "--as", "core"])
    of_one = {path.name for path in folder.iterdir()}
    both = main(["harden", str(site), "-o", str(folder)])

    assert (one, both) == (0, 0)
    assert of_one == {"core"}
    assert {path.name for path in folder.iterdir()} == {"core", "gate-1"}


def test_a_site_without_routers_and_guards_gets_no_folder(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE[: SITE.index("conduits:")])
    code = main(["harden", str(site), "-o", str(site.parent / "hosts")])

    assert code == 0
    assert "nothing to write" in capsys.readouterr().out
    assert not (site.parent / "hosts").exists()


def test_a_router_whose_interfaces_have_no_names_is_told_and_nothing_is_written(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    router = "  core: {zone: control, addresses: [10.10.0.1, 10.11.0.254], forwards: true}\n"
    site.write_text(SITE.replace("  plc-1:", f"{router}  plc-1:"))
    code = main(["harden", str(site), "-o", str(site.parent / "hosts")])

    assert code == 2
    assert f"{site}:9: the router 'core' has no interface by name for 10.10.0.1" in capsys.readouterr().err
    assert not (site.parent / "hosts").exists()


def test_a_site_file_that_is_wrong_writes_nothing_and_an_asset_that_is_no_enforcement_point_is_named(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.parent / "hosts"
    unknown = main(["harden", str(site), "-o", str(folder), "--as", "gate-2"])
    said = capsys.readouterr().err
    site.write_text(SITE.replace("servers_on: lan1", "servers_on: lan0"))
    wrong = main(["harden", str(site), "-o", str(folder)])

    assert (unknown, wrong) == (2, 2)
    assert "'gate-2' is no router, no guard's host and no end of a tunnel: did you mean 'gate-1'?" in said
    assert not folder.exists()


TUNNEL = """\
tunnels:
  crossing:
    kind: wireguard
    ends:
      gate-1: {address: 10.10.0.2, inside: 10.9.0.1, interface: wg0}
      plc-1: {inside: 10.9.0.2, interface: wg0}
"""


def test_keys_of_tunnels_are_made_once_and_their_places_are_told(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE + TUNNEL)
    folder = site.parent / "host"
    first = main(["harden", str(site), "-o", str(folder)])
    kept = {path.name: path.read_bytes() for path in (folder / "keys" / "crossing").iterdir()}
    second = main(["harden", str(site), "-o", str(folder), "--as", "plc-1"])
    said = capsys.readouterr().out
    places = "/etc/modwarden/keys/crossing"

    assert (first, second) == (0, 0)
    assert {path.name: path.read_bytes() for path in (folder / "keys" / "crossing").iterdir()} == kept
    assert f"{folder}/keys/crossing/gate-1.key -> {places}/gate-1.key (secret: 0600, root)" in said
    assert "modwarden-guard modwarden-wireguard-crossing" in said
    enable = "  systemctl enable --now modwarden-wireguard-crossing   # those that it has\n"
    reload = "  systemctl reload modwarden-wireguard-crossing   # where they run already\n"
    assert said.endswith(enable + reload)


def test_it_says_how_new_rules_are_loaded_where_old_ones_are_and_that_open_connections_stay(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["harden", str(site), "-o", str(site.parent / "hosts")])
    said = capsys.readouterr().out
    units = "modwarden-rules modwarden-forwarding modwarden-guard"

    assert f"\n  systemctl reload {units}   # where they run already\n" in said
    assert "\nconnections from before the rules stay open, forbidden ones too" in said
    assert "\n  conntrack -F " in said


def test_every_unit_that_it_says_to_reload_can_be_reloaded(site: Path) -> None:
    site.write_text(SITE + TUNNEL)
    main(["harden", str(site), "-o", str(site.parent / "hosts")])
    units = {path.name: path.read_text() for path in (site.parent / "hosts" / "gate-1").glob("*.service")}

    assert len(units) == 4
    assert [name for name, text in units.items() if "\nExecReload=" not in text] == []


FLOWS = """\
flows:
  dhcp: {from: [field, 0.0.0.0], to: [10.10.0.9], ports: [udp/67]}
  vrrp: {from: [control], to: [224.0.0.18], ports: [udp/112]}
  near: {from: [hmi-1], to: [10.10.0.9], ports: [tcp/443]}
  part: {from: [field, 10.10.0.77], to: [10.10.0.9], ports: [tcp/444]}
  good: {from: [field], to: [10.10.0.9], ports: [tcp/445]}
"""
ROUTER = "  core: {zone: control, interfaces: {a0: [10.10.0.1], b0: [10.11.0.254]}, forwards: true}\n"


def test_a_flow_or_part_of_one_that_no_rule_opens_is_told(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE.replace("  plc-1:", f"{ROUTER}  plc-1:").replace("conduits:", f"{FLOWS}conduits:"))
    main(["harden", str(site), "-o", str(site.parent / "hosts")])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("flow ")]
    beyond = "which is multicast or broadcast (VRRP, OSPF, IGMP, DHCP)"
    end = "no rule at any enforcement point opens it"

    assert told == [
        f"flow dhcp at {site}:12: from 0.0.0.0, who has no address yet (DHCP needs a relay): {end}",
        f"flow vrrp at {site}:13: to 224.0.0.18/32, {beyond}: {end}",
        f"flow near at {site}:14: nothing of it crosses a router or reaches a guard's host: {end}",
        f"flow part at {site}:15: from 10.10.0.77/32: {end}",
    ]


def test_a_key_file_that_holds_no_key_is_an_error_and_nothing_is_written(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE + TUNNEL)
    keys = site.parent / "host" / "keys" / "crossing"
    keys.mkdir(parents=True)
    (keys / "gate-1.key").write_text("no key\n")
    code = main(["harden", str(site), "-o", str(site.parent / "host")])

    assert code == 2
    assert "gate-1.key: no key of 32 bytes" in capsys.readouterr().err
    assert not (site.parent / "host" / "gate-1").exists()
