"""A file for an enforcement point: where it is installed, its text, and who may run it."""

from collections.abc import Iterable
from dataclasses import dataclass

from modwarden.model import AssetName, Origin, Site

DIRECTORY = "/etc/modwarden"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True, slots=True)
class HostFile:
    """One generated file."""

    name: str
    installed: str
    text: str
    is_program: bool = False


def written_from(
    site: Site, asset: AssetName, origins: Iterable[Origin], serves: Iterable[str] = ()
) -> list[str]:
    """
    Say in comment lines what a file was made from, line by line of the site file, and what it serves.

    Args:
        site: the site.
        asset: the enforcement point.
        origins: the lines.
        serves: requirements of IEC 62443-3-3.
    """
    lines = sorted({(origin.file, origin.line) for origin in origins})
    places = [f"#   {one_line(file)}:{line}" for file, line in lines]
    requirements = list(serves)
    whose = f"{_role(site, asset)} {one_line(asset)} of {one_line(site.name)}"
    return [
        f"# Written by `modwarden harden` for {whose}, from",
        *places,
        *([f"# Serves IEC 62443-3-3 {', '.join(requirements)}."] if requirements else []),
        "# Change those lines and write it again, rather than this file.",
    ]


def _role(site: Site, asset: AssetName) -> str:
    is_guard = asset in site.guards()
    if not site.assets[asset].connections.forwards:
        return "the guard"
    return "the router and guard" if is_guard else "the router"


def one_line(text: str) -> str:
    """Keep an operator's words within the comment they stand in."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
