"""All lints of a site, in the order of its lines."""

from modwarden.model import Finding, Site
from modwarden.site.lint import (
    buses,
    conduits,
    coverage,
    flows,
    lines,
    listeners,
    points,
    reach,
    rules,
    tls,
    transparent,
    zones,
)

_LINTS = (
    *zones.LINTS,
    *points.LINTS,
    *listeners.LINTS,
    *lines.LINTS,
    *buses.LINTS,
    *conduits.LINTS,
    *rules.LINTS,
    *tls.LINTS,
    *transparent.LINTS,
    *reach.LINTS,
    *flows.LINTS,
    *coverage.LINTS,
)


# Those that can find errors; none of them compares rules with each other.
_ERROR_LINTS = (
    zones.server_outside_zone,
    points.overlapping_points,
    points.limits_never_pass,
    points.limits_outside_type,
    listeners.listener_clash,
    listeners.wildcard_clash,
    listeners.unit_id_clash,
)


def find_errors(site: Site) -> list[Finding]:
    """Say only what keeps a site from being loaded."""
    return [finding for lint in _ERROR_LINTS for finding in lint(site)]


def check_site(site: Site) -> list[Finding]:
    """
    Say what is wrong or doubtful about a site that was read.

    Errors keep a site from being loaded, so that a site from `load_site` has warnings and notes only; but for
    the files of TLS, of which not every host that reads a site file has all.
    """
    found = dict.fromkeys(finding for lint in _LINTS for finding in lint(site))
    return sorted(found, key=lambda finding: (finding.origin.file, finding.origin.line, finding.name))
