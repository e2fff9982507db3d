"""Rule sets that `harden` wrote from another state of the site file: a proof of them is out of date."""

from collections.abc import Iterator
from pathlib import Path

from modwarden.hardening.generators import render_host
from modwarden.hardening.point import UnnamedInterfacesError
from modwarden.model import AssetName, Finding, Severity, Site

_WRITTEN = "# Written by `modwarden harden`"


def check_written(site: Site) -> Iterator[Finding]:
    """Find the rule sets that would be written otherwise now."""
    for name in site.enforcement_points():
        for file in site.assets[name].connections.rulesets:
            held = _text_of(file.path)
            if _WRITTEN in held and _rules(held) != _rules(_written_now(site, name)):
                what = f"{file.path.name} of {name}, proven here, was written from another state of this file"
                yield Finding(
                    "rules-out-of-date",
                    Severity.WARNING,
                    what,
                    "write it anew with `modwarden harden`, then check again before you load it",
                    file.origin,
                )


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        # The proof says what is wrong with it.
        return ""


def _written_now(site: Site, name: AssetName) -> str:
    try:
        files = {file.name: file.text for file in render_host(site, name)}
    except UnnamedInterfacesError:
        return ""
    return files.get("rules.nft", "")


def _rules(text: str) -> list[str]:
    """Leave comments out: they name lines and folders of the site file."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
