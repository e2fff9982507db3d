"""`modwarden probe`: try from here what the proof says works and fails, with TCP connects alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003  (typer reads annotations at run time)
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from modwarden.cli._evidence import write_evidence
from modwarden.cli._options import JsonOption, SiteArgument  # noqa: TC001  (typer reads annotations at run time)
from modwarden.cli._printing import print_error, print_json, print_lines
from modwarden.model import AssetName, Claim, EvidenceFile, Strength, ZoneName
from modwarden.probe import (
    Ended,
    Expected,
    Knock,
    Pace,
    Plan,
    Result,
    Target,
    findings_of,
    has_address,
    judge,
    knock_all,
    own_address,
    plan_probe,
)
from modwarden.site import load_site
from modwarden.site.proof import ConnectProof, bases_of

if TYPE_CHECKING:
    from modwarden.model import Address, Asset, Finding, Site
    from modwarden.probe import Sources

EXIT_FINDINGS, EXIT_OPERATOR = 1, 2
_SAYS = {
    Expected.WORKS: "must work",
    Expected.GUARD: "must reach the guard, which asks its rules",
    Expected.REFUSED_BY_GUARD: "must be reset by the guard",
    Expected.FAILS: "must fail",
}


def command(
    site: SiteArgument,
    place: Annotated[
        str,
        typer.Option(
            "--from", metavar="ASSET|ZONE", help="Which asset, or whose zone, this host stands for."
        ),
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and ask nobody.")] = False,
    confirmed: Annotated[
        str | None,
        typer.Option("--yes-i-mean", metavar="SITE-NAME", help="The site's name, instead of typing it."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Ask for no more than so many connects.")] = 1000,
    per_second: Annotated[float, typer.Option(min=0.1, max=10.0, help="Connects a second, at most.")] = 10.0,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, max=60.0, help="Seconds for one connect.")
    ] = 2.0,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="Write what was seen, for `check --evidence`."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Connect to what the site file declares, and hold each connect against the proof. No byte is sent."""
    loaded = load_site(site)
    plan = plan_probe(loaded, ConnectProof(loaded), _sources(loaded, place, is_dry=dry_run)).limited(limit)
    pace = Pace(per_second, timeout_s)
    if not as_json:
        print_lines(*_plan_lines(loaded, plan, place, pace, is_long=dry_run))
    if dry_run:
        if as_json:
            print_json({"site": loaded.name, "from": place, "plan": [_document(one) for one in plan.knocks]})
        return
    _confirm(loaded, confirmed)
    results = _asked(plan, pace)
    findings = list(findings_of(loaded, results))
    if evidence is not None:
        write_evidence(evidence, _evidence(loaded, place, plan, results, findings))
    if as_json:
        print_json(_report(loaded, place, plan, results))
    else:
        print_lines(*_result_lines(place, plan, results, findings))
    if findings:
        raise typer.Exit(EXIT_FINDINGS)


def _sources(site: Site, place: str, *, is_dry: bool) -> Sources:
    asset = site.assets.get(AssetName(place))
    if asset is not None:
        return _of_asset(site, asset, is_dry=is_dry)
    if ZoneName(place) in site.zones:
        return _of_zone(site, ZoneName(place))
    known = ", ".join([*site.zones, *list(site.assets)[:4]])
    raise typer.BadParameter(
        f"{place!r} is no asset or zone of {site.name!r}, such as {known}", param_hint="--from"
    )


def _of_asset(site: Site, asset: Asset, *, is_dry: bool) -> Sources:
    here = [address for address in asset.addresses if is_dry or has_address(address)]
    if not here:
        listed = ", ".join(str(address) for address in asset.addresses) or "none"
        what = f"this host has no address of {asset.name!r} ({listed}): run it there, or look with --dry-run"
        raise typer.BadParameter(what, param_hint="--from")

    def source(target: Target) -> tuple[Address, ZoneName] | None:
        own = [address for address in here if address.version == target.address.version]
        chosen = None if is_dry or not own else own_address(target.address, target.port)
        found = chosen if chosen in own else next(iter(own), None)
        zone = site.zone_at(found) if found is not None else None
        return None if found is None else (found, zone.name if zone is not None else asset.zone)

    return source


def _of_zone(site: Site, zone: ZoneName) -> Sources:
    def source(target: Target) -> tuple[Address, ZoneName] | None:
        own = own_address(target.address, target.port)
        at = site.zone_at(own) if own is not None else None
        if own is not None and (at is None or at.name != zone):
            where = f"in {at.name}" if at is not None else "in no zone"
            hint = f"run it on a host of {zone}, or name an asset"
            what = f"this host would send from {own}, which is {where}: {hint}"
            raise typer.BadParameter(what, param_hint="--from")
        return None if own is None else (own, zone)

    return source


def _confirm(site: Site, confirmed: str | None) -> None:
    if confirmed is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("without a terminal it needs the site's name", param_hint="--yes-i-mean")
        sys.stderr.write("Controllers with few connections may notice. Type the site's name to begin: ")
        sys.stderr.flush()
        confirmed = sys.stdin.readline().strip()
    if confirmed != site.name:
        print_error(f"{confirmed!r} is not the name of this site; nobody was asked")
        raise typer.Exit(EXIT_OPERATOR)


def _asked(plan: Plan, pace: Pace) -> list[Result]:
    results = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("connects", total=len(plan.knocks))
        for knock, ended in knock_all(plan, pace):
            results.append(judge(knock, ended))
            progress.advance(task)
    return results


def _plan_lines(site: Site, plan: Plan, place: str, pace: Pace, *, is_long: bool) -> list[str]:
    lines = [f"{site.name}, from {place}: {len(plan.knocks)} connects, one at a time, no byte is sent"]
    for expected, says in _SAYS.items():
        held = [knock for knock in plan.knocks if knock.expected is expected]
        if held:
            lines.append(f"  {len(held)} {says}")
            lines += [f"    {knock.target}: {knock.target.what}" for knock in held] if is_long else []
    lines += [f"  not asked: {words}" for words in plan.unasked]
    few = sum(knock.target.has_few_connections for knock in plan.knocks)
    if few:
        lines.append(f"  {few} at controllers with few connections come last")
    silent = sum(knock.expected is Expected.FAILS for knock in plan.knocks)
    least = len(plan.knocks) / pace.per_second
    return [*lines, f"  takes {least:.0f} s to {least + silent * pace.timeout_s:.0f} s"]


def _result_lines(place: str, plan: Plan, results: list[Result], findings: list[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity}: {finding.name}: {finding}")
        hops = enumerate(finding.evidence, start=1)
        lines += [f"  {number}. {hop.origin}: {hop.text}" for number, hop in hops]
    return [
        *lines,
        f"probed from {place}: {_counted(results)}",
        *(f"not asked: {words}" for words in plan.unasked),
    ]


def _counted(results: list[Result]) -> str:
    proven = [result for result in results if result.finding is None]
    open_questions = sum(result.is_open_question for result in proven)
    words = f"{len(proven)} of {len(results)} as proven"
    if open_questions:
        by = "by a rule, the other end or this host, which bears out nothing"
        words += f"; {open_questions} of them refused or unreachable, {by}"
    if silent := sum(result.ended is Ended.TIMED_OUT for result in proven):
        words += f"; {silent} of them timed out as they must"
    if not any(result.is_answered for result in results):
        words += "; nobody answered from here, so that silence bears out nothing"
    return words


def _evidence(
    site: Site, place: str, plan: Plan, results: list[Result], findings: list[Finding]
) -> EvidenceFile:
    told = tuple(f"{finding.name}: {finding}" for finding in findings)
    claim = Claim("connections", bases_of(site)["connections"], Strength.SUPPORTED, _counted(results))
    # With the cable pulled all that must fail does: without one answer only what was found counts.
    is_told = bool(findings) or any(result.is_answered for result in results)
    claims = (claim,) if is_told else ()
    return EvidenceFile("probe", site.name, place, datetime.now(UTC), claims, told, plan.unasked)


def _report(site: Site, place: str, plan: Plan, results: list[Result]) -> dict[str, Any]:
    is_answered = any(result.is_answered for result in results)
    return {
        "site": site.name,
        "from": place,
        "results": [
            {
                **_document(result.knock),
                "ended": result.ended,
                "finding": result.finding,
                "bears_out": is_answered and result.finding is None and not result.is_open_question,
            }
            for result in results
        ],
        "answered": sum(result.is_answered for result in results),
        "as_proven": sum(result.finding is None for result in results),
        "unasked": list(plan.unasked),
    }


def _document(knock: Knock) -> dict[str, Any]:
    target = knock.target
    return {
        "source": str(knock.source),
        "zone": knock.zone,
        "asset": target.asset,
        "address": str(target.address),
        "port": target.port,
        "what": target.what,
        "expected": knock.expected,
    }
