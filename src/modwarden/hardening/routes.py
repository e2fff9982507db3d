"""Policy routing: what the rules marked is delivered here, though its address is not this host's."""

from collections.abc import Iterable

from modwarden.hardening.conduits import diverted_conduits
from modwarden.hardening.file import DIRECTORY, HostFile, written_from
from modwarden.model import MARK, ROUTE_TABLE, RULE_PREFERENCE, AssetName, Site


def render_routes(site: Site, guard: AssetName) -> Iterable[HostFile]:
    """Write the program that sets it up; running it again changes nothing."""
    conduits = diverted_conduits(site, guard)
    if not conduits:
        return
    lines = [
        "#!/bin/sh",
        *written_from(site, guard, [conduit.transparent.origin for conduit in conduits], ("SR 5.2",)),
        "set -eu",
    ]
    needed = {family for conduit in conduits for family in conduit.diversion.families}
    # Those that servers need come first: without another the program ends early.
    for family in sorted((4, 6), key=lambda family: family not in needed):
        ip = f"ip -{family}"
        rule = f"fwmark {MARK:#x} lookup {ROUTE_TABLE}"
        lines.append("")
        if family not in needed:
            # No server needs it, and a host without the family must not fail here.
            lines.append(f"{ip} route show table local 2>/dev/null | grep -q . || exit 0")
        lines += [
            f"{ip} route replace local default dev lo table {ROUTE_TABLE}",
            # Never without it, not even for a moment: sessions would be reset.
            f'[ -n "$({ip} rule show pref {RULE_PREFERENCE} {rule})" ] ||',
            f"    {ip} rule add pref {RULE_PREFERENCE} {rule}",
        ]
    yield HostFile("routes.sh", f"{DIRECTORY}/routes.sh", "\n".join(lines) + "\n", is_program=True)
