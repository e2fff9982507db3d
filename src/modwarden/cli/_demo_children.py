"""The demo's child processes: started, asked, and stopped again whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

from modwarden.errors import ModwardenError

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType, TracebackType

COMMAND = (sys.executable, "-m", "modwarden.cli")
STOP_TIMEOUT_S = 8.0  # longer than the guard drains
ASK_TIMEOUT_S = 60.0


class ChildError(ModwardenError):
    """A child process ended or failed where it should have worked."""

    exit_code = 3


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    exit_code: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def json_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.strip()]


@dataclass
class Child:
    """One running child and the file that takes what it says."""

    name: str
    process: subprocess.Popen[bytes]
    said: Path
    complained: Path

    def check(self) -> None:
        """Raise when the child is over although nobody stopped it."""
        if self.process.poll() is not None:
            raise ChildError(f"the {self.name} ended: {self.last_words()}")

    def last_words(self) -> str:
        return self.complained.read_text(encoding="utf-8", errors="replace").strip()[-2000:]


@dataclass
class Children:
    """All children of one demo; leaving the block ends each of them."""

    logs: Path
    _running: list[Child] = field(default_factory=list)
    _last_handler: Any = None

    def __enter__(self) -> Self:
        # A terminated demo must clean up as an interrupted one does.
        self._last_handler = signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not leave a half of them behind; the wait is bounded.
        last_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in self._running:
            child.process.terminate()
        for child in self._running.copy():
            self.wait(child, STOP_TIMEOUT_S)
        signal.signal(signal.SIGINT, last_interrupt)
        signal.signal(signal.SIGTERM, self._last_handler)

    def start(self, name: str, *arguments: str) -> Child:
        """Start a `modwarden` command in a process group of its own, so that Ctrl-C reaches it through us."""
        said, complained = self.logs / f"{name}.out", self.logs / f"{name}.log"
        with said.open("wb") as out, complained.open("wb") as log:
            child = Child(name, _start(arguments, out, log), said, complained)
        self._running.append(child)
        return child

    def stop(self, child: Child) -> Answer:
        """Ask a child to end, insist when it does not, and return what it said."""
        child.process.terminate()
        return self.wait(child, STOP_TIMEOUT_S)

    def wait(self, child: Child, timeout_s: float) -> Answer:
        """Wait for a child's own end; kill it when it does not come."""
        try:
            child.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        with suppress(ValueError):
            self._running.remove(child)
        return Answer(child.process.returncode, child.said.read_text(encoding="utf-8", errors="replace"))

    def ask(self, name: str, *arguments: str) -> Answer:
        """Run a command to its end."""
        return self.wait(self.start(name, *arguments), ASK_TIMEOUT_S)

    def demand(self, name: str, *arguments: str) -> Answer:
        """Run a command that has to succeed."""
        child = self.start(name, *arguments)
        answer = self.wait(child, ASK_TIMEOUT_S)
        if answer.exit_code != 0:
            shown = " ".join(arguments)
            raise ChildError(
                f"`modwarden {shown}` ended with {answer.exit_code}:\n{child.last_words() or answer.text}"
            )
        return answer


def _start(arguments: tuple[str, ...], out: IO[bytes], log: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(  # noqa: S603  (our own interpreter and our own command)
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
