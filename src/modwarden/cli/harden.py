"""`modwarden harden`: write what each enforcement point loads, from the site file; nothing is loaded here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli._options import SiteArgument
from modwarden.cli._printing import print_lines
from modwarden.errors import ModwardenError
from modwarden.hardening import HostFile, render_host
from modwarden.model import AssetName, Site
from modwarden.site import load_site
from modwarden.site.problems import did_you_mean

_PROGRAM, _TEXT = 0o755, 0o644
# ProtectHome and PrivateTmp hide them from a guard's unit.
_UNSEEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108  (nothing is written there)


class NoEnforcementPointError(ModwardenError):
    """The asset that was named is neither a router nor a guard's host."""

    exit_code = 2


def command(
    site: SiteArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="The folder to write to; made where it is missing."
        ),
    ],
    asset: Annotated[
        str | None, typer.Option("--as", metavar="ASSET", help="Only this router or guard's host.")
    ] = None,
) -> None:
    """Write what each router and guard's host loads into a folder of its name, and say how to load it."""
    loaded = load_site(site)
    points = _chosen(loaded, asset)
    # All are rendered before one is written.
    rendered = {name: render_host(loaded, name) for name in points}
    if not rendered:
        print_lines("nothing to write: no asset has `forwards: true`, and no conduit has a guard")
        return
    for name, files in rendered.items():
        folder = output / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            _write(folder / file.name, file)
        print_lines(*(f"{folder / file.name} -> {file.installed}" for file in files))
        print_lines(*_warnings(loaded, name))
    print_lines(*_next_steps(rendered))


def _chosen(site: Site, word: str | None) -> tuple[AssetName, ...]:
    points = site.enforcement_points()
    if word is None:
        return points
    if word not in points:
        hint = did_you_mean(word, points, f"there are {', '.join(points)}" if points else "there is none")
        raise NoEnforcementPointError(f"{word!r} is neither a router nor a guard's host: {hint}")
    return (AssetName(word),)


def _write(path: Path, file: HostFile) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(file.text)
    fresh.chmod(_PROGRAM if file.is_program else _TEXT)
    fresh.replace(path)


def _warnings(site: Site, name: AssetName) -> Iterator[str]:
    asset, place = site.assets[name], str(site.path.absolute())
    if asset.management is None:
        yield f"  no `management:` at {asset.origin}: once loaded, nobody can connect to {name} itself"
    if name in site.guards() and place.startswith(_UNSEEN):
        yield f"  the unit of {name} does not see {place}: keep the site file under /etc/modwarden"


def _next_steps(rendered: dict[AssetName, tuple[HostFile, ...]]) -> tuple[str, ...]:
    units = {file.name.removesuffix(".service"): None for files in rendered.values() for file in files}
    named = [name for name in units if name.startswith("modwarden-")]
    users = (
        ("  useradd --system modwarden   # once, where a guard runs",) if "modwarden-guard" in named else ()
    )
    return (
        "on each host, install its files at the places behind the arrows, then:",
        *users,
        "  systemctl daemon-reload",
        f"  systemctl enable --now {' '.join(named)}   # those that it has",
    )
