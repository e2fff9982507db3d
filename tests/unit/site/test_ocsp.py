"""`ocsp` in `tls`: what is wrong about it, what `check` says of it, what the guard is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.site import test_server_tls, test_tls

from modwarden.guard._compile import compile_policy
from modwarden.model import FROM_CERTIFICATE, Ocsp, WhenSilent
from modwarden.site import json_schema

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "http://10.20.0.9:2560/"
ASKED = f"responder: '{PLACE}'"


def words(ocsp: str) -> str:
    return f"{test_tls.GOOD}{test_tls.CRLS}, ocsp: {{{ocsp}}}"


@pytest.mark.parametrize(
    ("ocsp", "name", "what"),
    [
        ("when_silent: warn", "missing-key", "responder"),
        (f"{ASKED}, when_silent: ignore", "bad-value", "ignore"),
        (f"{ASKED}, nonce: true", "unknown-key", "nonce"),
        (f"{ASKED}, timeout: 11s", "out-of-range", "100ms and 10s"),
        (f"{ASKED}, timeout: 50ms", "out-of-range", "100ms and 10s"),
        (f"{ASKED}, timeout: 2", "bad-duration", "2"),
        (f"{ASKED}, max_age: 500ms", "out-of-range", "1s and 24h"),
        (f"{ASKED}, max_age: 2d", "out-of-range", "1s and 24h"),
        ("responder: 'https://10.20.0.9/'", "bad-responder", "https"),
        ("responder: 10.20.0.9", "bad-responder", "10.20.0.9"),
        ("responder: 'http://10.20.0.9:0/'", "bad-responder", ":0"),
        ("responder: 'http://10.20.0.9:65536/'", "bad-responder", "65536"),
        ("responder: 'http://user@10.20.0.9/'", "bad-responder", "user"),
        ("responder: 'http://[fd00::zz]/'", "bad-responder", "zz"),
        ("responder: 'http://[10.20.0.9]/'", "bad-responder", "10.20.0.9"),
        ("responder: 'http://host/#part'", "bad-responder", "part"),
        ("responder: 'http://host/a b'", "bad-responder", "a b"),
        ("responder: 7", "bad-responder", "7"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(workshop: Any, ocsp: str, name: str, what: str) -> None:
    problems = workshop.problems(test_tls.tls(words(ocsp)))

    assert [problem.name for problem in problems] == [name], [str(problem) for problem in problems]
    assert what in str(problems[0])
    assert problems[0].origin.line == workshop.line_of("tls:")


def test_the_line_of_what_is_wrong_is_its_own_where_each_key_has_one(workshop: Any) -> None:
    old, new = test_tls.tls(words(f"{ASKED}, timeout: 1h"))
    lines = new.replace("ocsp: {", "ocsp:\n        {").replace("timeout: 1h", "\n          timeout: 1h")
    [problem] = workshop.problems((old, lines))

    assert problem.origin.line == workshop.line_of("timeout: 1h")


def test_without_a_word_silence_lets_in_and_an_answer_counts_for_an_hour(workshop: Any) -> None:
    found = test_tls.read(workshop, words(ASKED))

    assert found.ocsp == Ocsp(PLACE, WhenSilent.WARN, timeout_ms=2_000, max_age_ms=3_600_000)
    assert test_tls.read(workshop, test_tls.GOOD).ocsp is None


def test_the_guard_is_told_on_both_sides_and_a_policy_without_it_is_as_before(workshop: Any) -> None:
    ocsp = f"{ASKED}, when_silent: refuse, timeout: 500ms, max_age: 10min"
    told = {"responder": PLACE, "when_silent": "refuse", "timeout_ms": 500, "max_age_ms": 600_000}
    site = workshop.load(
        test_tls.tls(words(ocsp)), test_server_tls.tls(f"{test_server_tls.GOOD}, ocsp: {{{ocsp}}}")
    )
    document = json.loads(compile_policy(site, None))
    plain = workshop.load(test_tls.tls(test_tls.GOOD))

    servers = {server["name"]: server for server in document["servers"]}
    assert document["conduits"][0]["tls"]["ocsp"] == told
    assert servers["ahu-1"]["tls"]["tls"]["ocsp"] == told
    assert "ocsp" not in json.loads(compile_policy(plain, None))["conduits"][0]["tls"]


def test_a_place_may_be_a_name_an_address_of_either_kind_or_the_certificates(workshop: Any) -> None:
    places = [PLACE, "http://ocsp.plant", "http://[fd00::9]:80/a/b?c", FROM_CERTIFICATE]

    found = [test_tls.read(workshop, words(f"responder: '{place}'")).ocsp for place in places]
    assert [ocsp.responder for ocsp in found if ocsp] == places


def test_check_says_who_decides_whom_the_guard_connects_to_and_what_silence_costs(
    workshop: Any, tmp_path: Path
) -> None:
    test_tls.make(tmp_path)

    assert test_tls.names(workshop, words(ASKED)) == []
    assert test_tls.names(workshop, words("responder: from_certificate")) == ["ocsp-from-certificate"]
    assert test_tls.names(workshop, words(f"{ASKED}, when_silent: refuse")) == ["ocsp-refuse"]


def test_issuing_authorities_are_nobodys_to_ask_about_so_that_their_lists_are_missed(
    workshop: Any, tmp_path: Path
) -> None:
    test_tls.make(tmp_path)
    [finding] = test_tls.findings(workshop, f"{test_tls.GOOD}, ocsp: {{{ASKED}}}")

    assert finding.name == "tls-no-crl"
    assert "issuing authorities" in str(finding)


def test_an_editor_knows_its_keys() -> None:
    shape = json_schema()["$defs"]["OcspShape"]

    assert list(shape["properties"]) == ["responder", "when_silent", "timeout", "max_age"]
    assert shape["required"] == ["responder"]
