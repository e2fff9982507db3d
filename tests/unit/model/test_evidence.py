"""Evidence files: what is written is read again, and what was changed meanwhile is refused."""

from datetime import UTC, datetime

import pytest

from modwarden.model import (
    Claim,
    EvidenceError,
    EvidenceFile,
    Strength,
    digest_of,
    parse_evidence,
    render_evidence,
)

EVIDENCE = EvidenceFile(
    kind="probe",
    site="Northside",
    place="control",
    made_at=datetime(2026, 11, 27, 20, 40, tzinfo=UTC),
    claims=(Claim("connections", digest_of(b"site"), Strength.SUPPORTED, "12 of 12 as proven"),),
    findings=("a finding, with µ",),
    unseen=("wg is not installed",),
    inputs={"nft.json": digest_of(b"{}")},
)


def test_a_file_without_a_digest_or_that_is_no_json_or_no_object_is_no_evidence() -> None:
    for text in ("", "{", "[]", "{}", '{"digest": "x"}', '"text"'):
        with pytest.raises(EvidenceError, match=r"e\.json:1: this is no evidence file: make it anew"):
            parse_evidence(text, "e.json")


def test_a_changed_word_is_refused_wherever_it_stands() -> None:
    text = render_evidence(EVIDENCE)
    for old, new in (("as proven", "as told"), ("a finding", "no finding"), ("20:40", "21:40")):
        with pytest.raises(EvidenceError, match="changed after it was written"):
            parse_evidence(text.replace(old, new), "e.json")


def test_another_form_a_key_too_many_and_a_time_without_a_zone_are_refused() -> None:
    text = render_evidence(EVIDENCE)
    for old, new, said in (
        ('"modwarden_evidence": 1', '"modwarden_evidence": 2', "evidence of form 2"),
        ('"kind"', '"kind_of"', "kind, kind_of do not belong here"),
    ):
        with pytest.raises(EvidenceError, match=said):
            parse_evidence(text.replace(old, new), "e.json")


def test_what_is_written_is_read_again_and_written_alike() -> None:
    text = render_evidence(EVIDENCE)

    assert parse_evidence(text, "e.json") == EVIDENCE
    assert render_evidence(parse_evidence(text, "e.json")) == text
