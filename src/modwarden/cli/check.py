"""`modwarden check`: read a site file offline, prove its zones, and say all that is wrong or unwise in it."""

from typing import Annotated

import typer

from modwarden.cli._check_json import problem_document, report_document
from modwarden.cli._evidence import EvidenceAgeOption, EvidenceOption, weighed
from modwarden.cli._options import JsonOption, SiteArgument
from modwarden.cli._printing import print_json, print_lines
from modwarden.hardening import check_written
from modwarden.model import Finding, Severity, Site
from modwarden.pki import find_shared_authorities
from modwarden.policy import check_policy_tests
from modwarden.site import SiteError, check_site, load_site
from modwarden.site.proof import Proof, prove

EXIT_FINDINGS = 1
ProofOption = Annotated[
    bool,
    typer.Option(
        "--proof", help="Show all of the proof: what reaches what, who can write what, its assumptions."
    ),
]


def command(
    site: SiteArgument,
    as_json: JsonOption = False,
    with_proof: ProofOption = False,
    evidence: EvidenceOption = None,
    evidence_age: EvidenceAgeOption = "30d",
) -> None:
    """Check the site file: exit 0 fine, 1 with warnings, 2 where it is wrong."""
    try:
        loaded = load_site(site)
        proof = prove(loaded, weighed(loaded, evidence, evidence_age) if evidence else None)
    except SiteError as error:
        if not as_json:
            raise
        print_json({"problems": [problem_document(problem) for problem in error.problems], "findings": []})
        raise typer.Exit(error.exit_code) from error
    found = _in_order(
        [
            *check_site(loaded),
            *find_shared_authorities(loaded),
            *check_policy_tests(loaded),
            *check_written(loaded),
        ]
    )
    findings = [*found, *(proof.findings if proof is not None else ())]
    if as_json:
        print_json({"problems": [], **report_document(findings, proof)})
    else:
        print_lines(*_lines(loaded, findings, proof, with_proof=with_proof))
    if any(finding.severity is not Severity.NOTE for finding in findings):
        raise typer.Exit(EXIT_FINDINGS)


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.origin.file, finding.origin.line, finding.name))


def _lines(site: Site, findings: list[Finding], proof: Proof | None, *, with_proof: bool) -> list[str]:
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity}: {finding}")
        lines += [
            f"  {number}. {hop.origin}: {hop.text}" for number, hop in enumerate(finding.evidence, start=1)
        ]
    if proof is not None:
        lines += _proof_lines(proof) if with_proof else []
        lines.append(_verdict(proof))
    return [*lines, _summary(site, findings)]


def _proof_lines(proof: Proof) -> list[str]:
    writes = [str(one) for one in proof.writes] or ["no zone can write anything through a guard"]
    widened = [f"{origin}: {text}" for origin, text in proof.remarks] or ["nothing"]
    assumed = [f"A{one.number} {one.text} ({one.origin}): {one.status}" for one in proof.assumptions]
    reach = [str(one) for one in proof.reach.in_words()] or ["no zone reaches another"]
    return [
        "what reaches what, through routers and ways in:",
        *(f"  {line}" for line in reach),
        "who can write what, at most:",
        *(f"  {line}" for line in writes),
        "taken as wider than written:",
        *(f"  {line}" for line in widened),
        "assumptions:",
        *(f"  {line}" for line in assumed),
    ]


def _verdict(proof: Proof) -> str:
    declared = sum(one.is_only_declared for one in proof.assumptions)
    ground = f"under {_counted(len(proof.assumptions), 'assumption')}, {declared} of them only declared"
    if proof.holds:
        return f"proof: every path between IT and OT ends in the DMZ, {ground}"
    return f"proof: does not hold: {_counted(len(proof.violations), 'violation')}, {ground}"


def _summary(site: Site, findings: list[Finding]) -> str:
    rules = sum(len(conduit.rules) for conduit in site.conduits.values())
    servers = sum(len(conduit.servers) for conduit in site.conduits.values())
    counts = {
        "asset": len(site.assets),
        "conduit": len(site.conduits),
        "server": servers,
        "rule": rules,
        "test": len(site.tests),
    }
    counted = ", ".join(_counted(count, noun) for noun, count in counts.items())
    return f"{site.name}: {counted}: {_counted(len(findings), 'finding')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
