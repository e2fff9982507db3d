"""`modwarden harden`: write what each enforcement point loads, from the site file; nothing is loaded here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli._options import SiteArgument
from modwarden.cli._printing import print_lines
from modwarden.errors import ModwardenError
from modwarden.hardening import HostFile, key_places, make_keys, render_host, unserved_flows
from modwarden.model import AssetName, Site
from modwarden.site import load_site
from modwarden.site.problems import did_you_mean

_PROGRAM, _TEXT = 0o755, 0o644
# ProtectHome and PrivateTmp hide them from a guard's unit.
_UNSEEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108  (nothing is written there)

_OPEN = (
    "connections from before the rules stay open, forbidden ones too: on each host restart it, or",
    "  conntrack -F   # permitted ones are known again at the client's next packet",
)


class NoEnforcementPointError(ModwardenError):
    """The asset that was named loads nothing that is written here."""

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
        str | None,
        typer.Option("--as", metavar="ASSET", help="Only this router, guard's host or end of a tunnel."),
    ] = None,
) -> None:
    """Write what each router and guard's host loads into a folder of its name, and say how to load it."""
    loaded = load_site(site)
    points = _chosen(loaded, asset)
    for name in points:
        loaded = make_keys(loaded, name, output)
    # All are rendered before one is written.
    rendered = {name: render_host(loaded, name) for name in points}
    if not rendered:
        print_lines(
            "nothing to write: no asset has `forwards: true`, no conduit has a guard, no tunnel an end"
        )
        return
    for name, files in rendered.items():
        folder = output / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            _write(folder / file.name, file)
        print_lines(*(f"{folder / file.name} -> {file.installed}" for file in files))
        print_lines(*key_places(loaded, name, output), *_warnings(loaded, name))
    print_lines(*unserved_flows(loaded))
    print_lines(*_next_steps(rendered))


def _chosen(site: Site, word: str | None) -> tuple[AssetName, ...]:
    points = site.hosts_to_harden()
    if word is None:
        return points
    if word not in points:
        hint = did_you_mean(word, points, f"there are {', '.join(points)}" if points else "there is none")
        raise NoEnforcementPointError(
            f"{word!r} is no router, no guard's host and no end of a tunnel: {hint}"
        )
    return (AssetName(word),)


def _write(path: Path, file: HostFile) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(file.text)
    fresh.chmod(_PROGRAM if file.is_program else _TEXT)
    fresh.replace(path)


def _warnings(site: Site, name: AssetName) -> Iterator[str]:
    asset, place = site.assets[name], str(site.path.absolute())
    if asset.management is None and name in site.enforcement_points():
        yield f"  no `management:` at {asset.origin}: once loaded, nobody can connect to {name} itself"
    if name in site.guards() and place.startswith(_UNSEEN):
        yield f"  the unit of {name} does not see {place}: keep the site file under /etc/modwarden"


def _next_steps(rendered: dict[AssetName, tuple[HostFile, ...]]) -> tuple[str, ...]:
    names = [file.name for files in rendered.values() for file in files]
    units = dict.fromkeys(name.removesuffix(".service") for name in names if name.endswith(".service"))
    has_ipsec = any(name.startswith("swanctl-") for name in names)
    return (
        "on each host, install its files at the places behind the arrows, then:",
        *(
            ["  useradd --system modwarden   # once, where a guard runs"]
            if "modwarden-guard" in units
            else []
        ),
        "  systemctl daemon-reload",
        *_switched_on(tuple(units)),
        *(["  swanctl --load-all   # where a tunnel of IPsec ends"] if has_ipsec else []),
        *(_OPEN if "modwarden-rules" in units else []),
    )


def _switched_on(units: tuple[str, ...]) -> Iterator[str]:
    if not units:
        return
    named = " ".join(units)
    yield f"  systemctl enable --now {named}   # those that it has"
    # What is active already is not started by `enable --now`: the old rules would stay.
    yield f"  systemctl reload {named}   # where they run already"
