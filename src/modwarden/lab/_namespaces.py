"""
The lab's network namespaces: made, cabled, and taken down again.

Kept true here: every namespace and interface bears the lab's prefix, and no command changes anything in the
machine's own network; a namespace that somebody is still in is named, and nobody's process is ended.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

PREFIX = "mwlab-"
_MOUNTED = Path("/run/netns")
_COMMAND_S = 30


@dataclass(frozen=True, slots=True)
class Namespace:
    """One host of the lab, or one segment with all its hosts."""

    short: str

    @property
    def name(self) -> str:
        """Its name for `ip netns exec`."""
        return PREFIX + self.short

    def add(self) -> None:
        """Make it, with nothing in it but a loopback interface."""
        run("ip", "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str) -> str:
        """Run a command in it, and give what it printed."""
        return run(*self.command(*command))

    def command(self, *command: str) -> tuple[str, ...]:
        """Give the words that run a command in it; `ip` becomes the command, so that signals reach it."""
        return ("ip", "netns", "exec", self.name, *command)

    def join(self, interface: str, other: Namespace, other_interface: str) -> None:
        """Lay a cable; both ends come into being within the namespaces."""
        words = ("link", "add", "dev", interface, "type", "veth")
        self.run("ip", *words, "peer", "name", other_interface, "netns", other.name)
        self.run("ip", "link", "set", interface, "up")
        other.run("ip", "link", "set", other_interface, "up")

    def address(self, interface: str, *addresses: str) -> None:
        """Give an interface its addresses."""
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", interface)

    def route(self, to: str, via: str) -> None:
        """Add a route."""
        self.run("ip", "route", "add", to, "via", via)


def run(*command: str) -> str:
    """
    Run a command to its end.

    Raises:
        OSError: it failed; says what it said.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=True)  # noqa: S603  (our own words)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()
        raise OSError(f"`{' '.join(command)}` ended with {error.returncode}: {said}") from error
    return done.stdout


def find_namespaces() -> list[str]:
    """List the lab's namespaces on this machine, whoever made them."""
    return sorted(path.name for path in _MOUNTED.glob(f"{PREFIX}*"))


def remove_namespace(name: str) -> list[str]:
    """Remove one, and name the processes that are still in it; they end up without a network."""
    inside = [f"{_program(pid)} ({pid})" for pid in run("ip", "netns", "pids", name).split()]
    run("ip", "netns", "delete", name)
    return inside


def _program(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process that has just ended"
