"""
`modwarden run SITE --only guard`, with options that a site file has no words for.

A measurement needs them: a guard without a journal, and segments so small that
every window seals some. Else it is the guard as it is, in one process.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modwarden.guard import serve, state_directory

if TYPE_CHECKING:
    from modwarden.guard.compiled import Compiled


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    parser.add_argument("--without-journal", action="store_true")
    parser.add_argument("--segment-bytes", type=int)
    parser.add_argument("--segment-age-ms", type=int)
    wanted = parser.parse_args()
    # By its full name: the package gives its function `serve` the same one.
    serving: Any = importlib.import_module("modwarden.guard.serve")
    compile_in_child = serving.compile_in_child

    def compile_for_measuring(*wishes: Any, **more: Any) -> Compiled:
        compiled: Compiled = compile_in_child(*wishes, **more)
        options = _changed(json.loads(compiled.options), wanted)
        return dataclasses.replace(compiled, options=json.dumps(options, sort_keys=True).encode())

    serving.compile_in_child = compile_for_measuring
    serve(wanted.site, None, state_directory(wanted.site, None))


def _changed(options: dict[str, Any], wanted: argparse.Namespace) -> dict[str, Any]:
    if wanted.without_journal:
        return {**options, "journal": None}
    journal = dict(options["journal"])
    for name in ("segment_bytes", "segment_age_ms"):
        if (value := getattr(wanted, name)) is not None:
            journal[name] = value
    return {**options, "journal": journal}


if __name__ == "__main__":
    main()
