"""Compile the site file in a child process, so that no mistake in it can touch the guard."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from modwarden.errors import ModwardenError
from modwarden.guard.compiled import Compiled, parse_compiled

if TYPE_CHECKING:
    from pathlib import Path

COMPILE_TIMEOUT_S = 110.0


class CompileError(ModwardenError):
    """The site file cannot be compiled; the text is what the child said."""

    exit_code = 2


def compile_in_child(site: Path, guard: str | None) -> Compiled:
    """
    Parse, check and compile the site file in a process of its own.

    Raises:
        CompileError: the site file is wrong, or the child failed.
    """
    command = [sys.executable, "-m", "modwarden.guard.compile_site", str(site)]
    if guard is not None:
        command += ["--as", guard]
    try:
        child = subprocess.run(  # noqa: S603  (our own interpreter and module)
            command, capture_output=True, timeout=COMPILE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{site}: cannot be compiled: {error}"
        raise CompileError(message) from error
    if child.returncode != 0:
        said = child.stderr.decode(errors="replace").strip()
        raise CompileError(said or f"{site}: the compiling child ended with {child.returncode}")
    try:
        return parse_compiled(child.stdout)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Not the guard's end: at a start the last good policy stands in.
        message = f"{site}: the compiling child's answer cannot be read: {error!r}"
        raise CompileError(message) from error
