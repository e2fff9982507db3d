"""Arguments and options that several commands share, worded once."""

from pathlib import Path
from typing import Annotated

import typer

SiteArgument = Annotated[
    Path, typer.Argument(metavar="SITE", help="The site file, or a folder of them.", exists=True)
]
# A running guard outlives its site file: these commands need the file's place, not the file.
SitePlace = Annotated[Path, typer.Argument(metavar="SITE", help="The site file, or a folder of them.")]
GuardOption = Annotated[
    str | None,
    typer.Option("--as", metavar="GUARD", help="Which guard of the site; needed where there are several."),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="DIR", help="Where control socket and last good policy are [SITE's folder/state]."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
