"""Compile the site file in a child process, so that no mistake in it can touch the guard."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from modwarden.errors import ModwardenError
from modwarden.guard.compiled import Compiled, parse_compiled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMPILE_TIMEOUT_S = 110.0
# How late a stop is seen while the child works.
_LOOK_S = 0.1


class CompileError(ModwardenError):
    """The site file cannot be compiled; the text is what the child said."""

    exit_code = 2


class CompileStoppedError(ModwardenError):
    """The guard was told to stop while the child worked."""


def compile_in_child(
    site: Path,
    guard: str | None,
    is_stopping: Callable[[], bool] = lambda: False,
    meanwhile: Callable[[], None] = lambda: None,
) -> Compiled:
    """
    Parse, check and compile the site file in a process of its own.

    Meanwhile `meanwhile` is called again and again; what it raises ends the child and is raised here.

    Raises:
        CompileError: the site file is wrong, or the child failed.
        CompileStoppedError: `is_stopping` became true; the child is ended.
    """
    command = [sys.executable, "-m", "modwarden.guard.compile_site", str(site)]
    if guard is not None:
        command += ["--as", guard]
    try:
        code, answer, said = _run(command, is_stopping, meanwhile)
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{site}: cannot be compiled: {error}"
        raise CompileError(message) from error
    if code != 0:
        text = said.decode(errors="replace").strip()
        raise CompileError(text or f"{site}: the compiling child ended with {code}")
    try:
        return parse_compiled(answer)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Not the guard's end: at a start the last good policy stands in.
        message = f"{site}: the compiling child's answer cannot be read: {error!r}"
        raise CompileError(message) from error


def _run(
    command: list[str], is_stopping: Callable[[], bool], meanwhile: Callable[[], None]
) -> tuple[int, bytes, bytes]:
    """Run the child to its end: exit code, what it answered, what it said."""
    until = time.monotonic() + COMPILE_TIMEOUT_S
    if is_stopping():
        raise CompileStoppedError("told to stop before the site file was compiled")
    with subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            while True:
                try:
                    answer, said = child.communicate(timeout=_LOOK_S)
                except subprocess.TimeoutExpired:
                    _stop_if(command, is_late=time.monotonic() >= until, is_stopping=is_stopping())
                    meanwhile()
                    continue
                return child.returncode, answer, said
        except BaseException:
            # Nobody waits for it any more.
            child.kill()
            raise


def _stop_if(command: list[str], *, is_late: bool, is_stopping: bool) -> None:
    if is_stopping:
        raise CompileStoppedError("told to stop while the site file was compiled")
    if is_late:
        raise subprocess.TimeoutExpired(command, COMPILE_TIMEOUT_S)
