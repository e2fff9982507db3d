"""Network namespaces for what loopback cannot show: clients, guards' hosts and servers, cabled."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = f"mwbench{os.getpid()}"


def missing() -> str | None:
    """Say what keeps this machine from having them."""
    if os.geteuid() != 0:
        return "needs root"
    tools = [name for name in ("ip", "nft") if shutil.which(name) is None]
    if tools:
        return f"needs {tools[0]}"
    try:
        with namespace("probe"):
            return None
    except subprocess.CalledProcessError:
        return "network namespaces cannot be made here"


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """Make one; all that was in it is gone afterwards."""
    full = f"{_PREFIX}-{name}"
    subprocess.run(["ip", "netns", "add", full], check=True)
    try:
        run_within(full, "ip", "link", "set", "lo", "up")
        yield full
    finally:
        subprocess.run(["ip", "netns", "del", full], check=True)


def within(name: str | None, *command: str) -> list[str]:
    """Give a command that becomes the program it names, in a namespace."""
    return list(command) if name is None else ["ip", "netns", "exec", name, *command]


def run_within(name: str, *command: str) -> None:
    """Run a command there to its end."""
    subprocess.run(within(name, *command), check=True)


def cable(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Connect two of them; each end is its namespace, its interface and its address with the prefix."""
    (here, name, address), (there, other_name, other_address) = one, other
    run_within(here, *_words(f"ip link add dev {name} type veth peer name {other_name} netns {there}"))
    for host, interface, own in ((here, name, address), (there, other_name, other_address)):
        run_within(host, *_words(f"ip addr add {own} dev {interface}"))
        run_within(host, *_words(f"ip link set {interface} up"))


def _words(text: str) -> list[str]:
    return text.split()
