"""Words of a filter against the words there are: a mistyped one must not look like silence."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from modwarden.audit.errors import QueryError
from modwarden.audit.filter import Filter
from modwarden.audit.schema import EVENT_KINDS, VERDICTS

_SHOWN = 8


def check_words(wanted: Filter) -> None:
    """
    Refuse a kind or verdict that no row can have.

    Raises:
        QueryError: with the nearest one, and all there are.
    """
    for what, patterns, known in (
        ("kind", wanted.kinds, EVENT_KINDS),
        ("verdict", wanted.verdicts, VERDICTS),
    ):
        for pattern in patterns:
            if not is_among(pattern, known):
                meant = nearest(pattern, known)
                raise QueryError(f"no row has the {what} {pattern!r}{meant}; there are {', '.join(known)}")


def is_among(pattern: str, known: Iterable[str]) -> bool:
    """Whether a name is known, or one of them fits where `*` stands in it."""
    # Neither brackets nor question marks are wildcards here.
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return any(fnmatchcase(name, literal) for name in known)


def nearest(word: str, known: Iterable[str]) -> str:
    """Ask whether the name that comes closest was meant; empty where none does."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f": is {near[0]!r} meant?" if near else ""


def listed(names: Iterable[str]) -> str:
    """List some names, and say how many more there are."""
    ordered = sorted(names)
    if not ordered:
        return "no names: it keeps no policy"
    more = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
