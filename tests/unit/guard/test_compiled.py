"""The last good policy: kept whole, read back as it was, denied where the operator chose so."""

import json
import sys
from pathlib import Path

import pytest

from modwarden.guard._child import CompileError, CompileStoppedError, compile_in_child
from modwarden.guard.compiled import (
    Compiled,
    StoredPolicyError,
    keep_last_good,
    load_last_good,
    parse_compiled,
)

DOCUMENT = b'{"conduits":[{"name":"hvac","rules":[{"name":"a"}]},{"name":"water","rules":[{"name":"b"}]}]}'
COMPILED = Compiled(DOCUMENT, b'{"journal": null}', frozenset({"hvac"}), 1500)


def test_none_was_ever_good_is_not_an_error(tmp_path: Path) -> None:
    assert load_last_good(tmp_path / "last_good.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"document": 1}'])
def test_one_that_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "last_good.json").write_text(text)
    with pytest.raises(StoredPolicyError, match=r"last_good\.json"):
        load_last_good(tmp_path / "last_good.json")


def test_it_comes_back_byte_for_byte_so_that_its_digest_holds(tmp_path: Path) -> None:
    keep_last_good(tmp_path / "state" / "last_good.json", COMPILED)

    assert load_last_good(tmp_path / "state" / "last_good.json") == COMPILED


def test_keeping_leaves_nothing_beside_it(tmp_path: Path) -> None:
    keep_last_good(tmp_path / "last_good.json", COMPILED)
    keep_last_good(tmp_path / "last_good.json", COMPILED)

    assert [path.name for path in tmp_path.iterdir()] == ["last_good.json"]


def test_a_conduit_that_chose_deny_keeps_no_rule_without_its_site_file() -> None:
    document = json.loads(parse_compiled(COMPILED.to_json()).for_a_start_without_site_file())
    rules = {conduit["name"]: conduit["rules"] for conduit in document["conduits"]}

    assert rules == {"hvac": [], "water": [{"name": "b"}]}


def test_a_conduit_that_observes_and_chose_deny_enforces_without_its_site_file() -> None:
    conduits = [{"name": name, "verdicts": "observe"} for name in ("hvac", "water")]
    kept = Compiled(json.dumps({"conduits": conduits}).encode(), b"{}", frozenset({"hvac"}), 1)
    document = json.loads(kept.for_a_start_without_site_file())

    assert [conduit["verdicts"] for conduit in document["conduits"]] == ["enforce", "observe"]


def test_where_no_conduit_chose_deny_the_document_is_the_same_bytes() -> None:
    assert Compiled(DOCUMENT, b"{}", frozenset(), 1).for_a_start_without_site_file() == DOCUMENT


def test_a_stop_ends_a_compiling_child_that_is_still_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, said = tmp_path / "python", tmp_path / "pid"
    child.write_text(f"#!/bin/sh\necho $$ > {said}\nexec sleep 600\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))

    with pytest.raises(CompileStoppedError):
        compile_in_child(tmp_path / "site.yaml", None, lambda: said.exists() and bool(said.read_text()))

    assert not Path(f"/proc/{said.read_text().strip()}").exists()


def test_a_compiling_child_that_answers_nonsense_is_a_site_file_that_cannot_be_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\necho warning: something\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))

    with pytest.raises(CompileError, match="answer cannot be read"):
        compile_in_child(tmp_path / "site.yaml", None)
