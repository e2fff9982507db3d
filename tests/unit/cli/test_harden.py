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
    assert "'gate-2' is neither a router nor a guard's host: did you mean 'gate-1'?" in said
    assert not folder.exists()
