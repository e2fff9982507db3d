"""The compiling child: a site file in, the core's document and options out, as JSON on stdout.

A process of its own, so that nothing in a site file can slow, bloat or end the guard.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from modwarden.errors import ModwardenError
from modwarden.guard._compile import choose_guard, compile_policy
from modwarden.guard.compiled import Compiled
from modwarden.guard.face import CompiledPolicy
from modwarden.model import JournalSettings, OnPolicyFailure, Site
from modwarden.site import load_site

EXIT_OPERATOR = 2
# Every server's reply is awaited while draining, and a little more for it to reach its client.
_DRAIN_SLACK_MS = 500
_SHORTEST_DRAIN_MS = 1000


def compile_site(path: Path, guard: str | None) -> Compiled:
    """
    Compile what one guard of a site enforces, and have the core accept it.

    Raises:
        SiteError: the site file is wrong.
        DocumentError: the core does not accept the compiled document.
    """
    site = load_site(path)
    document = compile_document(site, guard)
    CompiledPolicy(document)
    return Compiled(
        document=document,
        options=json.dumps(_options(site.journal), sort_keys=True).encode(),
        denying_conduits=_denying_conduits(site),
        drain_ms=_drain_ms(document),
        diversions=site.diversions(choose_guard(site, guard)),
    )


def compile_document(site: Site, guard: str | None) -> bytes:
    """Compile a site that is already read into the core's document."""
    return compile_policy(site, guard)


def main(arguments: list[str] | None = None) -> int:
    """Print the compiled site, or all that is wrong with it; 2 is the operator's fault."""
    parser = argparse.ArgumentParser(prog="modwarden.guard.compile_site")
    parser.add_argument("site", type=Path)
    parser.add_argument("--as", dest="guard")
    wanted = parser.parse_args(arguments)
    try:
        compiled = compile_site(wanted.site, wanted.guard)
    except (ModwardenError, ValueError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_OPERATOR
    sys.stdout.buffer.write(compiled.to_json())
    return 0


def _options(journal: JournalSettings) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "directory": str(journal.directory.absolute()),
        "key_directory": str(journal.keys.absolute()),
        "keep_age_ms": journal.keep_age_ms,
        "keep_bytes": journal.keep_bytes,
        "commit_interval_ms": journal.commit_interval_ms,
        "sync_deadline_ms": journal.deadline_ms,
    }
    syslog = None if journal.syslog is None else {"address": str(journal.syslog.server)}
    return {"journal": kept, "syslog": syslog}


def _denying_conduits(site: Site) -> frozenset[str]:
    return frozenset(
        conduit.name
        for conduit in site.conduits.values()
        if conduit.on_failure.policy is OnPolicyFailure.DENY
    )


def _drain_ms(document: bytes) -> int:
    servers = json.loads(document)["servers"]
    longest = max((server["reply_timeout_ms"] for server in servers), default=0)
    return max(int(longest) + _DRAIN_SLACK_MS, _SHORTEST_DRAIN_MS)


if __name__ == "__main__":
    sys.exit(main())
