"""Short ways to write a finding."""

from modwarden.model import Finding, Origin, Severity


def error(name: str, origin: Origin, message: str, hint: str) -> Finding:
    """Report a mistake that must be mended before the guard runs."""
    return Finding(name, Severity.ERROR, message, hint, origin)


def warning(name: str, origin: Origin, message: str, hint: str) -> Finding:
    """Report what works, and probably not as meant."""
    return Finding(name, Severity.WARNING, message, hint, origin)


def note(name: str, origin: Origin, message: str, hint: str) -> Finding:
    """Report a choice of the operator that weakens a promise."""
    return Finding(name, Severity.NOTE, message, hint, origin)


def listed(names: list[str]) -> str:
    """Write names in a line, the first few of many."""
    few = 4
    if len(names) <= few:
        return ", ".join(names)
    return f"{', '.join(names[:few])} and {len(names) - few} more"
