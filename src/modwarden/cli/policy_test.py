"""`modwarden policy test`: run the site file's own tests."""

from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from modwarden.cli._options import JsonOption, SiteArgument
from modwarden.cli._printing import console, print_json
from modwarden.policy import PolicyTestResult, run_policy_tests
from modwarden.site import load_site

EXIT_FAILED = 1


def command(site: SiteArgument, as_json: JsonOption = False) -> None:
    """Run `tests:` of the site file: exit 1 where one fails."""
    results = list(run_policy_tests(load_site(site)))
    if as_json:
        print_json([_json(result) for result in results])
    else:
        _print(results)
    if not all(result.is_passed for result in results):
        raise typer.Exit(EXIT_FAILED)


def _print(results: list[PolicyTestResult]) -> None:
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "where", "client → server", "request", "expected", "verdict"):
        table.add_column(name)
    for result in results:
        test = result.test
        table.add_row(
            Text("pass", style="green") if result.is_passed else Text("FAIL", style="bold red"),
            Text(str(test.origin)),
            Text(f"{test.written_client} → {test.server}"),
            Text(test.request),
            test.expect,
            Text(_found(result)),
        )
    out.print(table)
    passed = sum(result.is_passed for result in results)
    out.print(f"{passed} of {len(results)} tests pass")


def _found(result: PolicyTestResult) -> str:
    if result.explanation is None:
        return result.problem or ""
    if result.explanation.verdict == "permit":
        return f"permit by {result.explanation.rule}"
    return f"deny: {result.explanation.reason}"


def _json(result: PolicyTestResult) -> dict[str, Any]:
    explanation = result.explanation
    return {
        "where": str(result.test.origin),
        "client": result.test.written_client,
        "server": result.test.server,
        "request": result.test.request,
        "expect": result.test.expect,
        "verdict": None if explanation is None else explanation.verdict,
        "rule": None if explanation is None else explanation.rule,
        "reason": result.problem if explanation is None else explanation.reason,
        "is_passed": result.is_passed,
    }
