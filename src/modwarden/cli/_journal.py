"""Find the journal a command is about: its directory, or the site file that names it."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.site import load_site

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
    return load_site(place).journal.directory
