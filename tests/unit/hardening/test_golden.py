"""What is written for a guard's host, byte by byte, and that the real tools accept it."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.doubles.netns import hosts, missing_in_kernel

from modwarden.hardening import HostFile, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hardening"
CASES = pytest.mark.parametrize("case", ["routed", "same_subnet"])


def rendered(case: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, HostFile]:
    """As from within the folder, so that lines are named without it."""
    monkeypatch.chdir(GOLDEN / case)
    return {file.name: file for file in render_host(load_site(Path("site.yaml")), AssetName("gate-1"))}


@CASES
def test_each_file_is_as_agreed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = rendered(case, monkeypatch)
    texts = {name: file.text.replace(str(GOLDEN / case), "/etc/modwarden") for name, file in files.items()}
    if "WRITE_GOLDEN" in os.environ:
        for name, text in texts.items():
            (GOLDEN / case / name).write_text(text)

    assert {path.name for path in (GOLDEN / case).iterdir()} == {"site.yaml", *texts}
    assert {name: (GOLDEN / case / name).read_text() for name in texts} == texts


@CASES
@pytest.mark.needs_root
@pytest.mark.needs_tool("nft")
@pytest.mark.needs_tool("ip")
def test_nft_takes_the_rules_twice_and_lists_both_tables(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    text = rendered(case, monkeypatch)["rules.nft"].text
    with hosts("g") as (gate,):
        gate.nft(text)
        gate.nft(text)
        tables = gate.run("nft", "list", "tables").stdout.split("\n")

    assert tables[:2] == ["table inet modwarden_divert", "table inet modwarden_closed"]


@CASES
def test_the_shell_takes_the_programs(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [file for file in rendered(case, monkeypatch).values() if file.is_program]
    said = [
        subprocess.run(["sh", "-n"], input=file.text, capture_output=True, text=True, check=False).stderr
        for file in programs
    ]

    assert said == ["", ""]


def test_a_guard_of_proxies_only_needs_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = (GOLDEN / "same_subnet" / "site.yaml").read_text()
    lines = [line for line in text.splitlines() if "transparent" not in line]
    text = "\n".join(lines).replace("plc-1: {}", 'plc-1: {listen: "10.10.0.2:1502"}')
    Path("site.yaml").write_text(text + "\n")

    assert render_host(load_site(Path("site.yaml")), AssetName("gate-1")) == ()


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
