"""Network namespaces of a test's own: hosts with cables between them, apart from the machine's network."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000
_numbers = count()


@dataclass(frozen=True)
class Host:
    """One namespace."""

    name: str

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*command), capture_output=True, text=True, timeout=60, check=False, **options
        )
        assert done.returncode == 0 or not check, (command, done.stdout, done.stderr)
        return done

    def command(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *words: str) -> None:
        self.run("ip", *words)

    def sysctl(self, *settings: str) -> None:
        self.run("sysctl", "-qw", *settings)

    def nft(self, text: str) -> None:
        self.run("nft", "-f", "-", input=text)

    def enter(self) -> None:
        """Move the calling thread there for good; other threads stay where they are."""
        _set_namespace(Path(f"/run/netns/{self.name}"))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets made meanwhile belong there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self.enter()
            yield
        finally:
            _set_namespace(home)
            os.close(home)


@contextmanager
def hosts(*letters: str) -> Iterator[tuple[Host, ...]]:
    """Make hosts without cables; all that was in them is gone afterwards."""
    made: list[Host] = []
    try:
        for letter in letters:
            host = Host(f"mw{os.getpid()}-{next(_numbers)}-{letter}")
            subprocess.run(["ip", "netns", "add", host.name], check=True, timeout=30)
            made.append(host)
            host.ip("link", "set", "lo", "up")
            # Addresses are there at once, not after a look for others that have them.
            host.sysctl("net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
        yield tuple(made)
    finally:
        for host in made:
            subprocess.run(["ip", "netns", "del", host.name], check=True, timeout=30)


def cable(one: Host, name: str, other: Host, other_name: str) -> None:
    """Connect two hosts."""
    one.ip("link", "add", "dev", name, "type", "veth", "peer", "name", other_name, "netns", other.name)
    one.ip("link", "set", name, "up")
    other.ip("link", "set", other_name, "up")


def missing_in_kernel() -> str | None:
    """Say what transparent insertion needs and this kernel does not have, or does not grant."""
    if not Path("/proc/sys/net/ipv6").is_dir():
        return "the kernel lacks IPv6"
    try:
        return _missing_in_nft()
    except subprocess.CalledProcessError:
        return "network namespaces cannot be made here"


def _missing_in_nft() -> str | None:
    with hosts("probe") as (probe,):
        for what, rule in (
            ("nft_tproxy", "tcp dport 502 tproxy ip to 127.0.0.1:15502 meta mark set 1 accept"),
            ("nft_socket", "meta l4proto tcp socket transparent 1 accept"),
            ("nft_fib", "fib daddr type local return"),
        ):
            text = (
                f"table inet t {{\nchain c {{\ntype filter hook prerouting priority mangle;\n{rule}\n}}\n}}\n"
            )
            if probe.run("nft", "-c", "-f", "-", input=text, check=False).returncode:
                return f"the kernel lacks {what}"
    return None


def _set_namespace(of: Path | int) -> None:
    descriptor = os.open(of, os.O_RDONLY) if isinstance(of, Path) else os.dup(of)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)
