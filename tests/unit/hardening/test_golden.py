"""What is written for each enforcement point, byte by byte, and that the real tools accept it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.doubles.netns import hosts, missing_in_kernel

from modwarden.hardening import HostFile, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hardening"
CASES = pytest.mark.parametrize("case", ["routed", "same_subnet", "plant", "backbone"])


def rendered(case: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, HostFile]:
    """As from within the folder, so that lines are named without it; by asset and file name."""
    monkeypatch.chdir(GOLDEN / case)
    site = load_site(Path("site.yaml"))
    return {
        f"{name}/{file.name}": file for name in site.enforcement_points() for file in render_host(site, name)
    }


def rule_files(case: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    for name, file in rendered(case, monkeypatch).items():
        if name.endswith(".nft"):
            yield name, file.text


@CASES
def test_each_file_is_as_agreed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = rendered(case, monkeypatch)
    texts = {name: file.text.replace(str(GOLDEN / case), "/etc/modwarden") for name, file in files.items()}
    if "WRITE_GOLDEN" in os.environ:
        for name, text in texts.items():
            (GOLDEN / case / name).parent.mkdir(exist_ok=True)
            (GOLDEN / case / name).write_text(text)
    held = {str(path.relative_to(GOLDEN / case)) for path in (GOLDEN / case).rglob("*") if path.is_file()}

    assert held == {"site.yaml", *texts}
    assert {name: (GOLDEN / case / name).read_text() for name in texts} == texts


@CASES
@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_nft_takes_each_file_twice_and_lists_its_tables(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    for name, text in rule_files(case, monkeypatch):
        with hosts("g") as (gate,):
            gate.nft(text)
            gate.nft(text)
            tables = gate.run("nft", "list", "tables").stdout.splitlines()

        assert tables == re.findall(r"^(table inet \w+) \{", text, re.MULTILINE), name


@CASES
def test_the_shell_takes_the_programs(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [file for file in rendered(case, monkeypatch).values() if file.is_program]
    said = [
        subprocess.run(["sh", "-n"], input=file.text, capture_output=True, text=True, check=False).stderr
        for file in programs
    ]

    assert programs
    assert set(said) == {""}


def test_a_guard_of_proxies_only_needs_neither_routes_nor_forwarding(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for name in rendered("plant", monkeypatch) if name.startswith("gate-1/")}

    assert "gate-1/rules.nft" in names
    assert not names & {"gate-1/routes.sh", "gate-1/forwarding.sh", "gate-1/modwarden-forwarding.service"}


@pytest.mark.parametrize("words", ["One\nsubnet", "One\u2028subnet", "One\x85subnet"])
def test_no_word_of_the_operator_becomes_a_line_of_a_program(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (GOLDEN / "same_subnet" / "site.yaml").read_text()
    quoted = words.replace("\n", "\\n").replace("\u2028", "\\L").replace("\x85", "\\N")
    Path("site.yaml").write_text(text.replace("One subnet", f'"{quoted}"'))
    files = render_host(load_site(Path("site.yaml")), AssetName("gate-1"))

    assert all("of One subnet, from" in file.text for file in files)


def test_the_order_of_a_site_file_changes_no_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {name: without_lines(file.text) for name, file in rendered("plant", monkeypatch).items()}
    monkeypatch.chdir(tmp_path)
    tree = YAML(typ="safe").load((GOLDEN / "plant" / "site.yaml").read_text())
    for section in ("zones", "assets", "flows", "conduits"):
        tree[section] = backwards(tree[section])
    firewall, cell = tree["assets"]["firewall"], tree["conduits"]["cell"]
    firewall["interfaces"] = backwards(firewall["interfaces"])
    cell["servers"] = backwards(cell["servers"])
    # What is YAML's is JSON's too, and keeps its order.
    Path("site.yaml").write_text(json.dumps(tree))
    site = load_site(Path("site.yaml"))
    after = {
        f"{name}/{file.name}": without_lines(file.text.replace(str(tmp_path), str(GOLDEN / "plant")))
        for name in site.enforcement_points()
        for file in render_host(site, name)
    }

    assert after == before


def backwards(held: dict[str, object]) -> dict[str, object]:
    return dict(reversed(held.items()))


def without_lines(text: str) -> list[str]:
    """Leave out where things stand: that changes."""
    kept = [line for line in text.splitlines() if not line.startswith("#   ")]
    return [re.sub(r"# site\.yaml:\d+: ", "# ", line) for line in kept]
