"""`modwarden check`: read a site file offline and say all that is wrong or unwise in it."""

from typing import Any

import typer

from modwarden.cli._options import JsonOption, SiteArgument
from modwarden.cli._printing import print_json, print_lines
from modwarden.model import Finding, Severity, Site
from modwarden.pki import find_shared_authorities
from modwarden.site import SiteError, SiteProblem, check_site, load_site

EXIT_FINDINGS = 1


def command(site: SiteArgument, as_json: JsonOption = False) -> None:
    """Check the site file: exit 0 fine, 1 with warnings, 2 where it is wrong."""
    try:
        loaded = load_site(site)
    except SiteError as error:
        if not as_json:
            raise
        print_json({"problems": [_problem(problem) for problem in error.problems], "findings": []})
        raise typer.Exit(error.exit_code) from error
    findings = _in_order([*check_site(loaded), *find_shared_authorities(loaded)])
    if as_json:
        print_json({"problems": [], "findings": [_finding(finding) for finding in findings]})
    else:
        print_lines(*(f"{finding.severity}: {finding}" for finding in findings), _summary(loaded, findings))
    if any(finding.severity is not Severity.NOTE for finding in findings):
        raise typer.Exit(EXIT_FINDINGS)


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.origin.file, finding.origin.line, finding.name))


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


def _problem(problem: SiteProblem) -> dict[str, Any]:
    where = {"file": problem.origin.file, "line": problem.origin.line}
    return {"name": problem.name, **where, "what": problem.what, "hint": problem.hint}


def _finding(finding: Finding) -> dict[str, Any]:
    where = {"file": finding.origin.file, "line": finding.origin.line}
    words = {"what": finding.message, "hint": finding.hint}
    return {"name": finding.name, "severity": finding.severity, **where, **words}
