"""A file for a guard's host: where it is installed, its text, and who may run it."""

from collections.abc import Iterable
from dataclasses import dataclass

from modwarden.model import Origin, Site

DIRECTORY = "/etc/modwarden"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True, slots=True)
class HostFile:
    """One generated file."""

    name: str
    installed: str
    text: str
    is_program: bool = False


def written_from(site: Site, guard: str, origins: Iterable[Origin]) -> list[str]:
    """Say in comment lines what a file was made from, line by line of the site file."""
    lines = sorted({(origin.file, origin.line) for origin in origins})
    places = [f"#   {one_line(file)}:{line}" for file, line in lines]
    return [
        f"# Written by `modwarden harden` for the guard {one_line(guard)} of {one_line(site.name)}, from",
        *places,
        "# Change those lines and write it again, rather than this file.",
    ]


def one_line(text: str) -> str:
    """Keep an operator's words within the comment they stand in."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
