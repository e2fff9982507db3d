"""Find the journal a command is about: its directory, or the site file that names it."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.audit import JournalDirectory, Unreadable
from modwarden.cli._printing import print_error

EXIT_FINDINGS = 1

JournalArgument = Annotated[
    Path,
    typer.Argument(
        metavar="JOURNAL", exists=True, help="A journal's directory, or the site file that names it."
    ),
]


def journal_of(place: Path) -> Path:
    """Return the journal's directory; a folder of YAML files is a site, any other a journal."""
    if place.is_dir() and not any(place.glob("*.y*ml")):
        return place
    # What reads a site file takes longer to load than a query to answer, and a directory needs none of it.
    from modwarden.site import load_site  # noqa: PLC0415

    return load_site(place).journal.directory


class Unread:
    """What of a journal could not be read: each place told once, and an exit code of its own."""

    def __init__(self, journal: JournalDirectory) -> None:
        self._journal = journal
        self._told: set[Unreadable] = set()

    def tell(self) -> None:
        """Say what could not be read since the last call."""
        for unreadable in self._journal.unreadable:
            if unreadable not in self._told:
                print_error(str(unreadable))
                self._told.add(unreadable)

    def end(self) -> None:
        """
        Say the rest, and end as a check that found something.

        Raises:
            typer.Exit: something could not be read.
        """
        self.tell()
        if self._told:
            raise typer.Exit(EXIT_FINDINGS)
