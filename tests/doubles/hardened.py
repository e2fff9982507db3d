"""A site whose routers load what `harden` wrote for them: the way back from the rules to the proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modwarden.hardening import render_host
from modwarden.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.model import Site


def hardened(text: str, folder: Path) -> Site:
    """
    Write a site and its routers' rules into a folder, and read it again with these as its rule sets.

    `rulesets` of the text are left out; each router needs a line of its own with `forwards: true`.
    """
    plain = re.sub(r"\n    rulesets: .*", "", text)
    (folder / "site.yaml").write_text(plain)
    site = load_site(folder / "site.yaml")
    for name in site.enforcement_points():
        place = folder / "hardened" / name
        place.mkdir(parents=True, exist_ok=True)
        for file in render_host(site, name):
            (place / file.name).write_text(file.text)
    (folder / "site.yaml").write_text(_with_rules(plain))
    return load_site(folder / "site.yaml")


def _with_rules(text: str) -> str:
    lines = []
    router = ""
    for line in text.splitlines():
        named = re.match(r"  ([\w-]+):$", line)
        router = named[1] if named else router
        lines.append(line)
        if line == "    forwards: true":
            lines.append(f"    rulesets: [{{file: hardened/{router}/rules.nft}}]")
    return "\n".join(lines) + "\n"
