"""`modwarden map`: the zones of a site as a picture, violations in red."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli._options import SiteArgument
from modwarden.cli._printing import print_lines
from modwarden.site import load_site
from modwarden.site.proof import prove
from modwarden.zone_map import render_map


def command(
    site: SiteArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.svg", help="Where to write it [standard output]."),
    ] = None,
) -> None:
    """Draw the zone map as SVG."""
    loaded = load_site(site)
    text = render_map(loaded, prove(loaded))
    if output is None:
        print_lines(text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")
    print_lines(f"{output}: {len(loaded.zones)} zones, {len(loaded.assets)} assets")
