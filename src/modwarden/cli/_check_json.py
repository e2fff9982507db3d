"""What `modwarden check --json` prints."""

from collections.abc import Sequence
from typing import Any

from modwarden.model import Finding, Origin
from modwarden.site import SiteProblem
from modwarden.site.proof import Proof


def problem_document(problem: SiteProblem) -> dict[str, Any]:
    """Give a mistake of the site file."""
    return {"name": problem.name, **_place(problem.origin), "what": problem.what, "hint": problem.hint}


def report_document(findings: Sequence[Finding], proof: Proof | None) -> dict[str, Any]:
    """Give the findings, and the proof where one was made."""
    listed = [_finding(finding) for finding in findings]
    return {"findings": listed, "proof": None if proof is None else _proof(proof)}


def _finding(finding: Finding) -> dict[str, Any]:
    words = {"what": finding.message, "hint": finding.hint}
    path = [{**_place(hop.origin), "text": hop.text} for hop in finding.evidence]
    found = {"name": finding.name, "severity": finding.severity, **_place(finding.origin), **words}
    return {**found, "path": path} if path else found


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "holds": proof.holds,
        "violations": len(proof.violations),
        "reach": [
            {
                "zone": one.zone,
                "to": one.to,
                "assets": list(one.assets),
                "services": one.services,
                "guard": one.guard,
            }
            for one in proof.reach.in_words()
        ],
        "writes": [
            {
                "zone": one.zone,
                "conduit": one.conduit,
                "rule": one.rule,
                "assets": list(one.assets),
                "points": None if one.points is None else list(one.points),
                **_place(one.origin),
            }
            for one in proof.writes
        ],
        "widened": [{**_place(origin), "text": text} for origin, text in proof.remarks],
        "assumptions": [
            {
                "number": one.number,
                "key": one.key,
                "text": one.text,
                "status": one.status,
                "verified_by": one.verified_by,
                **_place(one.origin),
            }
            for one in proof.assumptions
        ],
    }


def _place(origin: Origin) -> dict[str, Any]:
    return {"file": origin.file, "line": origin.line}
