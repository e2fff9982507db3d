"""
What a tunnel adds to a Modbus request: `python -m bench.tunnels`.

One client asks one server of another site, one request after the other: over the cable alone, through
WireGuard, through IPsec. The three are cabled alike and take turns, block by block; each block has a median,
and what a tunnel adds is the median of its differences to the cable's block of the same turn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from bench import tunnel_paths
from bench.machine import describe
from bench.namespaces import missing, within
from bench.processes import ROOT
from bench.tunnels_page import tunnels_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bench.tunnel_paths import Sites

_PORT = 502
_REQUEST = struct.pack(">HHHBBHH", 1, 0, 6, 1, 0x03, 0, 10)
_RESPONSE = struct.pack(">HHHBBB", 1, 0, 23, 1, 0x03, 20) + bytes(20)
PATHS: dict[str, Callable[[Sites, Path], AbstractContextManager[None]]] = {
    "cable": tunnel_paths.plain,
    "wireguard": tunnel_paths.wireguard,
    "ipsec": tunnel_paths.ipsec,
}


def measure_tunnels(folder: Path, turns: int, block: int) -> dict[str, Any]:
    """Measure each path; what this machine lacks is said and left out."""
    if (why := missing()) is not None:
        return {"missing": why, "paths": {}}
    absent = {name: tool for name in PATHS if (tool := _absent(name)) is not None}
    with ExitStack() as ending:
        asking = {
            name: ending.enter_context(_path(name, folder / name)) for name in PATHS if name not in absent
        }
        for ask in asking.values():
            ask(block)
        told: dict[str, list[list[int]]] = {name: [] for name in asking}
        for turn in range(turns):
            # Whoever comes first in one turn comes last in the next.
            for name in list(asking)[:: 1 if turn % 2 == 0 else -1]:
                told[name].append(asking[name](block))
    said = ", ".join(f"{name} ({tool} is not there)" for name, tool in absent.items())
    paths = {name: _figures(blocks, told["cable"]) for name, blocks in told.items()}
    return {"missing": said or None, "turns": turns, "block": block, "paths": paths}


def _absent(name: str) -> str | None:
    needed = {"cable": (), "wireguard": ("wg", "wireguard-go"), "ipsec": ("swanctl", "charon-systemd")}
    return next((tool for tool in needed[name] if shutil.which(tool) is None), None)


def _figures(blocks: list[list[int]], cable: list[list[int]]) -> dict[str, float]:
    medians = [median(block) / 1e3 for block in blocks]
    added = [median(own) / 1e3 - median(bare) / 1e3 for own, bare in zip(blocks, cable, strict=True)]
    low, middle, high = quantiles(added, n=4)
    every = [latency for block in blocks for latency in block]
    return {
        "p50_us": median(medians),
        "p99_us": quantiles(every, n=100)[98] / 1e3,
        "added_p50_us": middle,
        "added_low_us": low,
        "added_high_us": high,
    }


@contextmanager
def _path(name: str, folder: Path) -> Iterator[Callable[[int], list[int]]]:
    with ExitStack() as ending:
        sites = ending.enter_context(tunnel_paths.two_sites(name))
        ending.enter_context(PATHS[name](sites, folder))
        server = ending.enter_context(_child(sites.server, "--serve"))
        assert server.stdout is not None
        server.stdout.readline()
        client = ending.enter_context(_child(sites.client, "--ask"))

        def ask(count: int) -> list[int]:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(f"{count}\n")
            client.stdin.flush()
            return list(json.loads(client.stdout.readline()))

        yield ask


@contextmanager
def _child(host: str, word: str) -> Iterator[subprocess.Popen[str]]:
    command = within(host, sys.executable, "-m", "bench.tunnels", word)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen(command, text=True, cwd=ROOT, **pipes)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _serve() -> None:
    with socket.create_server((tunnel_paths.SERVER, _PORT)) as listener:
        print("listening", flush=True)
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while connection.recv(len(_REQUEST), socket.MSG_WAITALL):
            connection.sendall(_RESPONSE)


def _ask() -> None:
    with socket.create_connection((tunnel_paths.SERVER, _PORT), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in sys.stdin:
            print(json.dumps([_once(connection) for _ in range(int(line))]), flush=True)


def _once(connection: socket.socket) -> int:
    begun = time.perf_counter_ns()
    connection.sendall(_REQUEST)
    whole = b""
    while len(whole) < len(_RESPONSE):
        part = connection.recv(len(_RESPONSE) - len(whole))
        if not part:
            raise ConnectionError("the server ended the connection")
        whole += part
    return time.perf_counter_ns() - begun


def main() -> None:
    """Measure, keep the result and print its section of the page."""
    parser = argparse.ArgumentParser(prog="bench.tunnels")
    parser.add_argument("--turns", type=int, default=24)
    parser.add_argument("--block", type=int, default=250)
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--remark", help="what a reader has to know of this run; kept with its results")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve or wanted.ask:
        (_serve if wanted.serve else _ask)()
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure_tunnels(Path(folder), wanted.turns, wanted.block)
    wanted.results.mkdir(parents=True, exist_ok=True)
    result = {"part": "tunnels", "at": time.time(), "machine": describe(), "found": found}
    (wanted.results / "tunnels.json").write_text(json.dumps({**result, "remark": wanted.remark}, indent=1))
    print("\n".join(tunnels_section(found)))


if __name__ == "__main__":
    main()
