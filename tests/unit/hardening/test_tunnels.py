"""What is written for the ends of tunnels, byte by byte, and that the real tools accept it."""

import os
import stat
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from modwarden.hardening import HostFile, TunnelKeyError, make_keys, render_host
from modwarden.hardening.wireguard import NoPublicKeyError
from modwarden.model import AssetName, Site
from modwarden.site import load_site

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "tunnels" / "two_sites"
ENDS = ("gate-1", "router-2", "router-3")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """As from within the folder, so that lines are named without it."""
    monkeypatch.chdir(GOLDEN)
    return load_site(Path("site.yaml"))


@pytest.fixture
def keyless(tmp_path: Path) -> Site:
    lines = (GOLDEN / "site.yaml").read_text().splitlines()
    path = tmp_path / "site.yaml"
    path.write_text("\n".join(line for line in lines if "public_key" not in line) + "\n")
    return load_site(path)


def tunnel_files(site: Site, asset: str) -> dict[str, HostFile]:
    files = render_host(site, AssetName(asset))
    return {file.name: file for file in files if "wireguard" in file.name or "swanctl" in file.name}


@pytest.mark.parametrize("asset", ENDS)
def test_each_file_is_as_agreed(site: Site, asset: str) -> None:
    texts = {name: file.text for name, file in tunnel_files(site, asset).items()}
    folder = GOLDEN / asset
    if "WRITE_GOLDEN" in os.environ:
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)

    assert {path.name: path.read_text() for path in folder.iterdir()} == texts


@pytest.mark.parametrize("asset", ENDS)
def test_the_shell_takes_the_programs(site: Site, asset: str) -> None:
    programs = [file for file in tunnel_files(site, asset).values() if file.is_program]
    said = [
        subprocess.run(["sh", "-n"], input=file.text, capture_output=True, text=True, check=False).stderr
        for file in programs
    ]

    assert said == [""] * (asset != "router-3")


def test_an_asset_without_tunnels_gets_no_file_of_them(site: Site) -> None:
    assert tunnel_files(site, "plc-1") == {}


def test_without_the_public_key_of_an_end_nothing_is_written(keyless: Site) -> None:
    with pytest.raises(NoPublicKeyError, match=r"site\.yaml:\d+: the public key of 'router-2' is not known"):
        render_host(keyless, AssetName("gate-1"))


def test_keys_are_made_once_readable_by_their_owner_and_stand_in_no_file(
    keyless: Site, tmp_path: Path
) -> None:
    first = make_keys(keyless, AssetName("gate-1"), tmp_path)
    kept = {path: path.read_bytes() for path in (tmp_path / "keys").rglob("*") if path.is_file()}
    second = make_keys(keyless, AssetName("router-2"), tmp_path)
    folder = tmp_path / "keys" / "pumping"
    secret = [path.read_text().strip() for path in folder.glob("*.key")]
    texts = "".join(file.text for asset in ENDS for file in render_host(second, AssetName(asset)))

    assert {path: path.read_bytes() for path in (tmp_path / "keys").rglob("*") if path.is_file()} == kept
    assert sorted(path.name for path in folder.iterdir()) == [
        "gate-1.key", "gate-1.pub", "preshared.key", "router-2.key", "router-2.pub",
    ]  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert first.tunnels == second.tunnels
    assert not any(key in texts for key in secret)
    assert all(path.read_text().strip() in texts for path in folder.glob("*.pub"))


def test_a_public_key_alone_means_that_its_private_key_is_elsewhere(keyless: Site, tmp_path: Path) -> None:
    folder = tmp_path / "keys" / "pumping"
    folder.mkdir(parents=True)
    key = b64encode(bytes(range(32))).decode()
    (folder / "router-2.pub").write_text(key + "\n")
    made = make_keys(keyless, AssetName("gate-1"), tmp_path)
    ends = next(iter(made.tunnels.values())).ends

    assert ends[1].public_key == key
    assert not (folder / "router-2.key").exists()
    assert f"PublicKey = {key}" in tunnel_files(made, "gate-1")["wireguard-pumping.conf"].text


def test_a_key_that_is_written_in_the_site_file_is_not_made(site: Site, tmp_path: Path) -> None:
    made = make_keys(site, AssetName("gate-1"), tmp_path)

    assert made.tunnels == site.tunnels
    assert [path.name for path in (tmp_path / "keys" / "pumping").iterdir()] == ["preshared.key"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gate-1.key", "short\n", "no key of 32 bytes"),
        ("gate-1.pub", b64encode(bytes(32)).decode(), "not the public key of gate-1.key"),
        ("preshared.key", "", "no key of 32 bytes"),
        ("gate-1.key", "router-2.key", "both ends of 'pumping' have one key"),
    ],
)
def test_a_key_file_that_cannot_be_is_told_and_left_alone(
    keyless: Site, tmp_path: Path, name: str, text: str, said: str
) -> None:
    make_keys(keyless, AssetName("gate-1"), tmp_path)
    file = tmp_path / "keys" / "pumping" / name
    if text.endswith(".key"):
        text = file.with_name(text).read_text()
        file.with_suffix(".pub").unlink()
    file.write_text(text)

    with pytest.raises(TunnelKeyError, match=said):
        make_keys(keyless, AssetName("gate-1"), tmp_path)
    assert file.read_text() == text


@pytest.mark.parametrize("asset", ["gate-1", "router-2"])
@pytest.mark.needs_tool("wg-quick")
def test_wg_quick_strips_nothing_from_what_setconf_shall_read(site: Site, asset: str, tmp_path: Path) -> None:
    file = tunnel_files(site, asset)["wireguard-pumping.conf"]
    (tmp_path / "wg0.conf").write_text(file.text)
    stripped = subprocess.run(
        ["wg-quick", "strip", str(tmp_path / "wg0.conf")], capture_output=True, text=True, check=True
    ).stdout

    assert stripped.rstrip() == file.text.rstrip()


@pytest.mark.needs_tool("wg")
def test_a_public_key_is_that_of_wg_pubkey(keyless: Site, tmp_path: Path) -> None:
    make_keys(keyless, AssetName("gate-1"), tmp_path)
    folder = tmp_path / "keys" / "pumping"
    said = subprocess.run(
        ["wg", "pubkey"],
        input=(folder / "gate-1.key").read_text(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said == (folder / "gate-1.pub").read_text()
