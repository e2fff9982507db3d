"""`modwarden harden`: write what a guard's host must load, from the site file; nothing is loaded here."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli._options import GuardOption, SiteArgument
from modwarden.cli._printing import print_lines
from modwarden.guard import choose_guard
from modwarden.hardening import HostFile, key_places, make_keys, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

_PROGRAM, _TEXT = 0o755, 0o644


def command(
    site: SiteArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="The folder to write to; made where it is missing."
        ),
    ],
    guard: GuardOption = None,
) -> None:
    """Write the rules, routes and units of one guard's host into a folder, and say how to load them."""
    loaded = load_site(site)
    has_tunnel = guard is not None and bool(loaded.tunnel_ends(AssetName(guard)))
    asset = AssetName(guard) if guard is not None and has_tunnel else choose_guard(loaded, guard)
    loaded = make_keys(loaded, asset, output)
    files = render_host(loaded, asset)
    if not files:
        print_lines(
            "nothing to write: no conduit of this guard has `insertion: transparent`, no tunnel ends here"
        )
        return
    output.mkdir(parents=True, exist_ok=True)
    for file in files:
        _write(output / file.name, file)
    print_lines(*(f"{output / file.name} -> {file.installed}" for file in files))
    print_lines(*key_places(loaded, asset, output), *_next_steps(files))


def _write(path: Path, file: HostFile) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(file.text)
    fresh.chmod(_PROGRAM if file.is_program else _TEXT)
    fresh.replace(path)


def _next_steps(files: tuple[HostFile, ...]) -> tuple[str, ...]:
    units = [file.name.removesuffix(".service") for file in files if file.name.endswith(".service")]
    enable = f"  systemctl enable --now {' '.join(units)}"
    return (
        "install each file at the place behind its arrow, then:",
        *(["  useradd --system modwarden   # once"] if "modwarden-guard" in units else []),
        *(["  systemctl daemon-reload", enable] if units else []),
        *(["  swanctl --load-all"] if any(file.name.startswith("swanctl-") for file in files) else []),
    )
