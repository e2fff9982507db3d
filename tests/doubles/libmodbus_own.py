"""libmodbus's own unit tests, from the distribution's source package: fetched, told where to speak, built.

Nothing of them is kept here: what is changed is named below, and each change must find its place.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# One byte every 5 ms, and a client that minds 3 and 7: no gateway that assembles frames can pass that, and
# where bytes pass as they come a busy machine's pauses decide. Left out by its name.
_TRICKLES = "if (use_backend == TCP) {\n        /* The test server is only able to test byte timeouts"
# A reply of another length than was asked for: the guard says 0B in its place. On a bus it is nobody's, and
# the client's own time-out comes first.
_BAD_REPLY = 'ASSERT_TRUE(rc == -1 && errno == EMBBADDATA, "");'


@dataclass(frozen=True)
class Ends:
    """Where the client and the server speak: TCP ports of loopback, or serial ports."""

    client: str
    server: str


def fetch(folder: Path) -> Path:
    """Get the source package with an apt configuration of its own; the folder of its tests."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(_deb_src())
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    for words in (["update"], ["source", "libmodbus"]):
        done = subprocess.run(
            [*apt, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"apt has no source package of libmodbus: {done.stderr.strip().splitlines()[-1:]}")
    return next(folder.glob("libmodbus-*/tests"))


def build(tests: Path, into: Path, ends: Ends, *, is_assembled: bool) -> tuple[Path, Path]:
    """Build client and server; `is_assembled`: the guard makes whole frames of what it hears."""
    into.mkdir()
    header = (tests / "unit-test.h.in").read_text()
    (into / "unit-test.h").write_text(re.sub(r"@HAVE_\w+@", "1", header))
    client = _told(tests / "unit-test-client.c", ends.client, "/dev/ttyUSB1")
    client = _replaced(client, _TRICKLES, _TRICKLES.replace("use_backend == TCP", "0"))
    if is_assembled:
        told = "ETIMEDOUT" if ends.client.startswith("/dev/") else "EMBXGTAR"
        client = _replaced(client, _BAD_REPLY, _BAD_REPLY.replace("EMBBADDATA", told))
    server = _told(tests / "unit-test-server.c", ends.server, "/dev/ttyUSB0")
    return _compiled(into / "client", client), _compiled(into / "server", server)


def _told(source: Path, where: str, device: str) -> str:
    text = source.read_text()
    if where.startswith("/dev/"):
        return _replaced(text, f'"{device}"', f'"{where}"')
    address, port = where.rsplit(":", 1)
    return _replaced(text, '"127.0.0.1", 1502', f'"{address}", {port}')


def _replaced(text: str, before: str, after: str) -> str:
    assert text.count(before) == 1, f"not once in libmodbus's source: {before}"
    return text.replace(before, after)


def _compiled(program: Path, text: str) -> Path:
    source = program.with_suffix(".c")
    source.write_text(text)
    command = ["cc", "-w", "-I/usr/include/modbus", "-o", str(program), str(source), "-lmodbus"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    return program


def _deb_src() -> str:
    """Debian's own sources, as this machine reaches them, for source packages."""
    policy = subprocess.run(["apt-cache", "policy"], capture_output=True, text=True, timeout=60, check=False)
    found = re.findall(r"^\s+\d+ (https?://\S+) (\S+)/main \S+ Packages$", policy.stdout, re.MULTILINE)
    own = [(uri, suite) for uri, suite in found if "debian" in uri or "ubuntu" in uri]
    if not own:
        pytest.skip("apt names no repository of a distribution")
    return "".join(f"deb-src {uri} {suite} main\n" for uri, suite in own)
