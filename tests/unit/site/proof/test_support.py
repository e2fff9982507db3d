"""What evidence makes of assumptions: it counts only for what it was made of, while it is fresh and clean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from modwarden.model import Claim, EvidenceFile, Site, Strength
from modwarden.site import load_site
from modwarden.site.proof import bases_of, prove, weigh_evidence

RULES = "ruleset:fw:fw.nft"
NOW = datetime(2026, 11, 27, 21, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def loaded(ground: Any, *rules: str, more: str = "") -> Site:
    ground.write(*rules, more=more)
    return load_site(ground.folder / "site.yaml")


def drift(site: Site, key: str = RULES, **changes: Any) -> EvidenceFile:
    claim = Claim(key, bases_of(site)[key])
    made = EvidenceFile("drift", "Proven", "fw", NOW - timedelta(hours=1), (claim,))
    return replace(made, **changes)


def status(site: Site, *files: EvidenceFile, key: str = RULES) -> str:
    proof = prove(site, weigh_evidence(site, files, NOW, MONTH))
    assert proof is not None
    return next(one.status for one in proof.assumptions if one.key == key)


def test_evidence_with_a_finding_bears_out_nothing_and_outweighs_an_older_one_without(ground: Any) -> None:
    site = loaded(ground)
    older = drift(site, made_at=NOW - timedelta(days=2))

    assert status(site, older, drift(site, findings=("one", "two"))) == (
        "declared (drift from fw of 2026-11-27T20:00:00+00:00 found 2 differences)"
    )


def test_evidence_of_a_rule_set_that_changed_since_bears_out_nothing(ground: Any) -> None:
    made = drift(loaded(ground))
    site = loaded(ground, "tcp dport 22 accept")

    assert status(site, made) == (
        "declared (drift from fw of 2026-11-27T20:00:00+00:00 was made of what has changed since)"
    )


def test_old_evidence_future_evidence_and_that_of_another_site_bear_out_nothing(ground: Any) -> None:
    site = loaded(ground)

    assert "is too old: 31 days" in status(site, drift(site, made_at=NOW - timedelta(days=31)))
    assert "is dated in the future" in status(site, drift(site, made_at=NOW + timedelta(hours=1)))
    assert "is of the site 'Other'" in status(site, replace(drift(site), site="Other"))


def test_a_line_elsewhere_in_the_site_file_leaves_a_rule_sets_evidence_true_and_not_that_of_all(
    ground: Any,
) -> None:
    before = loaded(ground)
    both = (*drift(before).claims, *drift(before, key="connections").claims)
    made = drift(before, claims=both)
    site = loaded(ground, more="  pc-2: {zone: enterprise, addresses: [10.30.0.8]}\n")

    assert status(site, made) == "verified by drift from fw at 2026-11-27T20:00:00+00:00"
    assert status(site, made, key="connections").startswith("declared (drift from fw of 2026")


def test_a_change_of_the_interfaces_makes_a_rule_sets_evidence_stale(ground: Any) -> None:
    made = drift(loaded(ground))
    ground.write(site=ground.site.replace("dmz: [10.20.0.1]", "dmz: [10.20.0.2]"))

    assert "has changed since" in status(load_site(ground.folder / "site.yaml"), made)


def test_what_only_supports_is_not_called_verified_and_says_what_it_counted(ground: Any) -> None:
    site = loaded(ground)
    claim = Claim("connections", bases_of(site)["connections"], Strength.SUPPORTED, "12 of 12 as proven")
    made = drift(site, kind="probe", place="enterprise", claims=(claim,))
    proof = prove(site, weigh_evidence(site, [made], NOW, MONTH))

    assert proof is not None
    assert (proof.assumptions[0].status, proof.assumptions[0].verified_by) == (
        "supported by probe from enterprise at 2026-11-27T20:00:00+00:00: 12 of 12 as proven",
        None,
    )


def test_a_finding_from_one_place_is_not_outweighed_by_a_clean_look_from_another(ground: Any) -> None:
    site = loaded(ground)
    clean = drift(site, key="connections", kind="probe", place="control")
    found = drift(site, key="connections", kind="probe", place="enterprise", findings=("passed",))

    assert "found 1 difference" in status(site, found, clean, key="connections")


def test_a_newer_look_that_does_not_claim_it_voids_an_older_one_that_did(ground: Any) -> None:
    site = loaded(ground)
    older = drift(site, made_at=NOW - timedelta(days=2))

    assert status(site, older, drift(site, claims=(), findings=("one",))) == (
        "declared (drift from fw of 2026-11-27T20:00:00+00:00 found 1 difference)"
    )
    assert status(site, older, drift(site, claims=())) == (
        "declared (drift from fw of 2026-11-27T20:00:00+00:00 did not see it, as an older one had)"
    )


def test_a_look_of_the_same_second_that_found_something_outweighs_a_clean_one(ground: Any) -> None:
    site = loaded(ground)

    assert "found 1 difference" in status(site, drift(site, findings=("one",)), drift(site))


def test_a_newer_file_of_another_site_voids_nothing(ground: Any) -> None:
    site = loaded(ground)
    other = replace(drift(site, made_at=NOW, findings=("one",), claims=()), site="Other")

    assert status(site, drift(site), other).startswith("verified by drift from fw")
