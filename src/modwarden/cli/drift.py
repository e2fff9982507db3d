"""`modwarden drift`: hold what a host runs against the site file, here or on files collected elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from modwarden.cli._evidence import write_evidence
from modwarden.cli._options import JsonOption
from modwarden.cli._printing import print_json, print_lines
from modwarden.drift import (
    CollectError,
    Look,
    collect,
    load_collected,
    look_at,
    read_collected,
    write_collected,
)
from modwarden.errors import ModwardenError
from modwarden.model import Asset, Finding, Site
from modwarden.site import load_site

EXIT_DIFFERENCES, EXIT_NOT_COMPARED = 1, 3
_NEEDED = ("nft.json", "routes4.json", "addresses.json", "tcp")


class NothingSeenError(ModwardenError):
    """The host did not let itself be looked at."""

    exit_code = 3


def command(
    site: Annotated[
        Path | None, typer.Argument(metavar="[SITE]", help="The site file, or a folder of them.", exists=True)
    ] = None,
    asset: Annotated[
        str | None, typer.Option("--as", metavar="ASSET", help="Which asset of the site file this host is.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Look at what was collected elsewhere, not at this host."),
    ] = None,
    collect_into: Annotated[
        Path | None,
        typer.Option("--collect", metavar="DIR", help="Only write what this host runs into a folder."),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="Write what was seen, for `check --evidence`."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Name each difference between a host and the site file: exit 0 none, 1 some, 3 not compared."""
    if collect_into is not None:
        _collect(collect_into, (site, asset, source, evidence))
        return
    if site is None or asset is None:
        raise typer.BadParameter("name SITE and --as ASSET, or --collect DIR alone")
    loaded_site = load_site(site)
    host = _asset(loaded_site, asset)
    collected = collect() if source is None else load_collected(source)
    if not any(name in collected.files for name in _NEEDED):
        raise NothingSeenError("nothing of this host could be looked at: " + _first(dict(collected.missing)))
    look = look_at(loaded_site, host, read_collected(collected))
    if evidence is not None:
        write_evidence(evidence, look.evidence)
    if as_json:
        print_json(_document(look))
    else:
        print_lines(*_lines(look))
    if look.differs:
        raise typer.Exit(EXIT_DIFFERENCES)
    if look.not_compared:
        raise typer.Exit(EXIT_NOT_COMPARED)


def _collect(folder: Path, others: tuple[object, ...]) -> None:
    if any(one is not None for one in others):
        raise typer.BadParameter("--collect stands alone: it needs no site file, and writes no evidence")
    collected = collect()
    names = write_collected(folder, collected)
    print_lines(f"{folder}: {', '.join(names)}")
    print_lines(*(f"not collected: {name}: {reason}" for name, reason in sorted(collected.missing.items())))
    if "nft.json" not in collected.files:
        raise NothingSeenError(f"the rules are missing: {collected.missing['nft.json']}: run it as root")


def _asset(site: Site, name: str) -> Asset:
    found = next((asset for asset in site.assets.values() if asset.name == name), None)
    if found is None:
        routers = [str(one.name) for one in site.assets.values() if one.connections.forwards]
        known = ", ".join(dict.fromkeys([*routers, *map(str, site.guards())]))
        raise CollectError(
            f"{site.path}: there is no asset {name!r}: routers and guards are {known or 'none'}"
        )
    return found


def _first(missing: dict[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in sorted(missing.items())[:3])


def _lines(look: Look) -> list[str]:
    lines = []
    for finding in look.findings:
        lines.append(f"{finding.severity}: {finding.name}: {finding}")
        lines += [
            f"  {number}. {hop.origin}: {hop.text}" for number, hop in enumerate(finding.evidence, start=1)
        ]
    lines += [f"remark: {remark}" for remark in look.remarks]
    count = len(look.findings)
    said = "no difference" if not count else "1 difference" if count == 1 else f"{count} differences"
    if look.not_compared:
        missed = f"not compared: {', '.join(look.not_compared)}"
        said = f"{said}; {missed}" if count else missed
    return [*lines, f"{look.asset.name}: {said}, as of {look.evidence.made_at.isoformat()}"]


def _document(look: Look) -> dict[str, Any]:
    return {
        "asset": look.asset.name,
        "as_of": look.evidence.made_at.isoformat(),
        "findings": [_finding(finding) for finding in look.findings],
        "remarks": list(look.remarks),
        "not_compared": list(look.not_compared),
        "bears_out": [claim.assumption for claim in look.evidence.claims] if not look.differs else [],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "file": finding.origin.file,
        "line": finding.origin.line,
        "what": finding.message,
        "hint": finding.hint,
        "evidence": [
            {"file": hop.origin.file, "line": hop.origin.line, "text": hop.text} for hop in finding.evidence
        ],
    }
