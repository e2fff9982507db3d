"""What the compiling child hands the guard, and the last good one on disk.

Kept true here: the file is replaced whole or not at all, so that a crash while
writing leaves the one before.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modwarden.errors import ModwardenError
from modwarden.model import Diversion

if TYPE_CHECKING:
    from pathlib import Path


class StoredPolicyError(ModwardenError):
    """The last good policy on disk cannot be read."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Compiled:
    """A site file, compiled for one guard."""

    document: bytes
    options: bytes
    denying_conduits: frozenset[str]
    drain_ms: int
    diversions: tuple[Diversion, ...] = ()

    def to_json(self) -> bytes:
        """The form that crosses from the child, and that is kept on disk."""
        return json.dumps(
            {
                "document": self.document.decode(),
                "options": json.loads(self.options),
                "denying_conduits": sorted(self.denying_conduits),
                "drain_ms": self.drain_ms,
                "diversions": [asdict(diversion) for diversion in self.diversions],
            }
        ).encode()

    def for_a_start_without_site_file(self) -> bytes:
        """
        The document, with nothing permitted where the operator chose `policy: deny`.

        A conduit that observes enforces then: without permits it would still forward everything.
        """
        if not self.denying_conduits:
            return self.document
        document: dict[str, Any] = json.loads(self.document)
        for conduit in document["conduits"]:
            if conduit["name"] in self.denying_conduits:
                conduit |= {"rules": [], "verdicts": "enforce"}
        return json.dumps(document).encode()


def parse_compiled(text: bytes) -> Compiled:
    """Read what `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return Compiled(
        document=fields["document"].encode(),
        options=json.dumps(fields["options"], sort_keys=True).encode(),
        denying_conduits=frozenset(fields["denying_conduits"]),
        drain_ms=int(fields["drain_ms"]),
        diversions=tuple(_diversion(told) for told in fields.get("diversions", [])),
    )


def _diversion(told: dict[str, Any]) -> Diversion:
    lists = {key: tuple(told[key]) for key in ("clients_on", "families")}
    return Diversion(**{**told, **lists})


def load_last_good(path: Path) -> Compiled | None:
    """
    Read the last policy that was in force; None where none ever was.

    Raises:
        StoredPolicyError: there is one, and it cannot be read.
    """
    try:
        return parse_compiled(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: {error}"
        raise StoredPolicyError(message) from error


def keep_last_good(path: Path, compiled: Compiled) -> None:
    """Replace the kept policy durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(compiled.to_json())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
