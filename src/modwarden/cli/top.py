"""`modwarden top`: a running guard, looked at once a second."""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from modwarden.cli._control import control_client
from modwarden.cli._options import GuardOption, JsonOption, SitePlace, StateOption
from modwarden.cli._printing import console, print_json
from modwarden.cli._status_view import (
    client_port_table,
    conduit_table,
    denial_table,
    head_lines,
    line_table,
    rates,
)
from modwarden.guard import ControlClient, ControlError

# More sessions than fit a screen are counted, not listed.
SHOWN_SESSIONS = 15


def command(
    site: SitePlace,
    guard: GuardOption = None,
    state: StateOption = None,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.2, help="How often to look.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look twice, print once, end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch listeners, sessions, requests a second, denials and the journal until Ctrl-C."""
    client = control_client(site, guard, state)
    before = client.status()
    if as_json:
        time.sleep(every)
        print_json(_measured(before, client.status(), client.sessions(), every))
        return
    if once or not sys.stdout.isatty():
        time.sleep(every)
        console().print(_view(before, client.status(), client.sessions(), every))
        return
    try:
        _watch(client, before, every)
    except KeyboardInterrupt:
        return


def _watch(client: ControlClient, before: dict[str, Any], every: float) -> None:
    looked_at = time.monotonic()
    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every)
            try:
                now, sessions = client.status(), client.sessions()
            except ControlError as error:
                # A guard that restarts comes back; the view waits for it.
                live.update(Text(str(error), style="red"), refresh=True)
                continue
            moment = time.monotonic()
            live.update(_view(before, now, sessions, moment - looked_at), refresh=True)
            before, looked_at = now, moment


def _measured(
    before: dict[str, Any], now: dict[str, Any], sessions: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """All that the view shows, for a program; it looks twice and ends."""
    speed = rates(before, now, seconds)
    return {
        "requests_per_second": speed.requests,
        "refusals_per_second": speed.denials,
        "limits": now["limits"],
        "status": now,
        "sessions": sessions,
    }


def _view(
    before: dict[str, Any], now: dict[str, Any], sessions: list[dict[str, Any]], seconds: float
) -> Group:
    speed = rates(before, now, seconds)
    return Group(
        *head_lines(now),
        Text(f"{speed.requests:,.1f} requests/s, {speed.denials:,.1f} refusals/s"),
        Text(),
        conduit_table(now),
        *((Text(), lines) if (lines := line_table(now)) is not None else ()),
        *((Text(), ports) if (ports := client_port_table(now)) is not None else ()),
        Text(),
        denial_table(now),
        Text(),
        _session_table(sessions),
    )


def _session_table(sessions: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    has_roles = any(session["role"] for session in sessions[:SHOWN_SESSIONS])
    for name in ("session", "client", *(("role",) if has_roles else ()), "listener", "conduit"):
        table.add_column(name)
    table.add_column("age", justify="right")
    for session in sessions[:SHOWN_SESSIONS]:
        has_address = session["client_address"] is not None
        client = f"{session['client_address']}:{session['client_port']}" if has_address else session["client"]
        # Text: a role is the certificate's own, and could look like markup.
        role = (Text(session["role"] or ""),) if has_roles else ()
        rest = (session["listener"], session["conduit"], f"{session['age_s']} s")
        table.add_row(str(session["session"]), client, *role, *rest)
    if len(sessions) > SHOWN_SESSIONS:
        table.add_row(f"and {len(sessions) - SHOWN_SESSIONS} more")
    return table
