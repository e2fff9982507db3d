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


def test_it_writes_each_file_says_where_it_belongs_and_can_be_run_again(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.parent / "host"
    codes = [main(["harden", str(site), "-o", str(folder)]) for _ in range(2)]
    said = capsys.readouterr().out
    programs = {path.name for path in folder.iterdir() if path.stat().st_mode & 0o111}

    assert codes == [0, 0]
    assert programs == {"routes.sh", "forwarding.sh"}
    assert len(list(folder.iterdir())) == 6
    assert f"{folder}/rules.nft -> /etc/modwarden/rules.nft" in said


def test_a_guard_of_proxies_only_gets_no_folder(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in SITE.splitlines() if "transparent" not in line]
    site.write_text("\n".join(lines).replace("plc-1: {}", 'plc-1: {listen: "10.10.0.2:1502"}') + "\n")
    code = main(["harden", str(site), "-o", str(site.parent / "host")])

    assert code == 0
    assert "nothing to write" in capsys.readouterr().out
    assert not (site.parent / "host").exists()


def test_a_site_file_that_is_wrong_writes_nothing_and_a_guard_that_is_none_is_named(site: Path) -> None:
    folder = site.parent / "host"
    unknown = main(["harden", str(site), "-o", str(folder), "--as", "hmi-1"])
    site.write_text(SITE.replace("servers_on: lan1", "servers_on: lan0"))
    wrong = main(["harden", str(site), "-o", str(folder)])

    assert (unknown, wrong) == (2, 2)
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
    assert said.endswith("  systemctl enable --now modwarden-wireguard-crossing\n")


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
    assert not (site.parent / "host" / "rules.nft").exists()
