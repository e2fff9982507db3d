"""`modwarden status`: what a running guard enforces, and how it is."""

from modwarden.cli._control import control_client, is_of_site
from modwarden.cli._options import GuardOption, JsonOption, SitePlace, StateOption
from modwarden.cli._printing import console, print_json
from modwarden.cli._status_view import client_port_table, conduit_table, denial_table, head_lines, line_table


def command(
    site: SitePlace, guard: GuardOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """Say what a running guard enforces, what it only observes, and whether it records."""
    status = control_client(site, guard, state).status()
    is_of_site(status, site)
    if as_json:
        print_json(status)
        return
    out = console()
    out.print(*head_lines(status), sep="\n")
    out.print(conduit_table(status))
    if (lines := line_table(status)) is not None:
        out.print(lines)
    if (ports := client_port_table(status)) is not None:
        out.print(ports)
    reasons = denial_table(status)
    if reasons.row_count:
        out.print(reasons)
