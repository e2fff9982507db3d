"""The house rules that a tool can check: sizes, lock files, rooms without shelves for odds and ends."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FUNCTION_LINES = 60
FILE_LINES = 600
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
# The contract with the core is one table of nouns; STYLE exempts tables of constants.
EXEMPT_FILES = {"crates/policy/src/document.rs"}


def _tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: nothing says which files are the project's")
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def test_no_source_file_outgrows_the_house() -> None:
    sources = [path for path in _tracked(".py", ".rs") if str(path.relative_to(ROOT)) not in EXEMPT_FILES]
    too_long = {
        str(path): lines for path in sources if (lines := len(path.read_text().splitlines())) > FILE_LINES
    }

    assert sources
    assert too_long == {}


def test_no_python_function_outgrows_the_house() -> None:
    too_long = [
        f"{path}:{node.lineno} {node.name}"
        for path in _tracked(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]

    assert too_long == []


def test_no_rust_function_outgrows_the_house() -> None:
    too_long = [
        f"{path}:{start} ({length} lines)"
        for path in _tracked(".rs")
        for start, length in _rust_functions(path.read_text().splitlines())
        if length > FUNCTION_LINES
    ]

    assert too_long == []


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    named = [
        path
        for path in _tracked(".py", ".rs")
        if FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts}
    ]

    assert named == []


def test_lock_files_carry_no_registry_address_but_cargos_own() -> None:
    locks = [ROOT / "Cargo.lock", *ROOT.glob("crates/*/fuzz/Cargo.lock"), *(ROOT / "requirements").iterdir()]
    addresses = {
        address
        for lock in locks
        for address in re.findall(r"(?:registry|sparse|git)\+\S+|https?://[^\s\"]+", lock.read_text())
    }

    assert {
        "registry+https://github.com/rust-lang/crates.io-index",
        'registry+https://github.com/rust-lang/crates.io-index"',
    } >= addresses


def _rust_functions(lines: list[str]) -> list[tuple[int, int]]:
    """Start line and length of each function, by rustfmt's own indentation."""
    functions = []
    for number, line in enumerate(lines):
        match = re.match(r"( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:async )?fn \w+", line)
        if match is None or line.rstrip().endswith(("}", ";")):
            continue
        closing = match.group(1) + "}"
        end = next((later for later in range(number, len(lines)) if lines[later] == closing), None)
        if end is not None:
            functions.append((number + 1, end - number + 1))
    return functions
