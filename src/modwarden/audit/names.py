"""Whether the words of a filter name anything: a mistyped one must not look like silence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modwarden.audit._words import is_among, listed, nearest
from modwarden.audit.filter import Filter
from modwarden.audit.query import query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modwarden.audit.read import JournalDirectory


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names that the policies of a journal have: whoever has rows by name is among them."""

    conduits: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


def unknown_names(journal: JournalDirectory, wanted: Filter) -> Iterator[str]:
    """Say of each name of a filter that neither a policy nor a row knows, and what is known instead."""
    names = (("conduit", wanted.conduits), ("client", wanted.clients), ("server", wanted.servers))
    if not any(patterns for _, patterns in names):
        return
    known = known_names(journal.policies)
    for what, patterns in names:
        own = known.conduits if what == "conduit" else known.assets
        taken = own if what == "conduit" else own | known.addresses
        for pattern in patterns:
            if not is_among(pattern, taken) and not _has_row(journal, what, pattern):
                meant = nearest(pattern, own)
                yield f"no row names {what} {pattern!r}{meant}; the journal knows {listed(own)}"


def known_names(policies: Path) -> KnownNames:
    """Gather the names of all policies that a journal keeps; one that cannot be read adds none."""
    known = KnownNames()
    for path in sorted(policies.glob("*.json")):
        try:
            _gather(json.loads(path.read_bytes()), known)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return known


def _gather(document: dict[str, Any], known: KnownNames) -> None:
    for asset in document.get("assets", ()):
        known.assets.add(asset["name"])
        known.addresses.update(asset["addresses"])
    for server in document["servers"]:
        known.assets.update({server["name"], *(unit["asset"] for unit in server["units"])})
    known.conduits.update(conduit["name"] for conduit in document.get("conduits", ()))


def _has_row(journal: JournalDirectory, what: str, pattern: str) -> bool:
    only = {
        "conduit": Filter(conduits=(pattern,)),
        "client": Filter(clients=(pattern,)),
        "server": Filter(servers=(pattern,)),
    }[what]
    found = query(journal, only, last=1, columns=["sequence"])
    return bool(found.num_rows)
