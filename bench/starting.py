"""From the start of the process to the first forwarded request, with an ever larger old journal."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.measure import Effort, Load, servers, window
from bench.processes import PATIENCE_S, BenchError

if TYPE_CHECKING:
    from pathlib import Path

# A segment of the default size holds some 700,000 rows and is sealed to about 10 MB. What a start does grows
# with the number of segments, so many small ones stand for few large ones.
SEGMENTS_OF_100_GB = 10_000
_SEGMENT_BYTES = 4 << 10
# A segment can end only where a commit does.
_COMMIT = "commit_interval: 5ms"
_GROWTH_S = 300.0
_READ = bytes([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 5])
_STARTS = 3


def measure_starts(folder: Path, segments: tuple[int, ...], starts: int = _STARTS) -> list[dict[str, Any]]:
    """Grow one journal step by step, and start the guard on it at each."""
    guard = known.modwarden("starting", "--segment-bytes", str(_SEGMENT_BYTES), journal=(_COMMIT,))
    place = known.Place(folder / guard.name, "127.10.1.1")
    found = []
    with servers():
        for wanted in segments:
            _grow(guard, place, wanted)
            step: dict[str, Any] = {"segments": _sealed(place), "bytes": _size(place)}
            found.append({**step, "seconds": [_start_once(guard, place) for _ in range(starts)]})
            print(f"start: {found[-1]}", flush=True)
    return found


def _grow(guard: known.Candidate, place: known.Place, wanted: int) -> None:
    """
    Load the guard until it has sealed so many segments, or for as long as is reasonable.

    Raises:
        BenchError: it seals none.
    """
    if wanted == 0:
        return
    running = known.launch(guard, place)
    try:
        began = time.monotonic()
        while (before := _sealed(place)) < wanted and time.monotonic() < began + _GROWTH_S:
            window(running, Load(1), Effort(rounds=1, seconds=2.0, warm_up_s=0.1))
            if _sealed(place) == before:
                raise BenchError(f"no segment was sealed under load: {place.folder}")
    finally:
        running.stop()


def _start_once(guard: known.Candidate, place: known.Place) -> float:
    began = time.monotonic()
    child = guard.begin(place)
    assert child is not None
    try:
        while not _is_answered(place):
            if time.monotonic() > began + PATIENCE_S or not child.is_alive():
                raise BenchError(f"the guard forwards nothing: {child.log.read_text()}")
            time.sleep(0.005)
        return time.monotonic() - began
    finally:
        child.stop()


def _is_answered(place: known.Place) -> bool:
    host, _, port = place.pairs()[0][0].rpartition(":")
    try:
        with socket.create_connection(
            (host, int(port)), timeout=1, source_address=("127.10.0.10", 0)
        ) as talk:
            talk.sendall(_READ)
            answer = talk.recv(64)
    except OSError:
        return False
    return answer[7:8] == b"\x03"


def _sealed(place: known.Place) -> int:
    return len(list((place.folder / "journal").glob("*.parquet")))


def _size(place: known.Place) -> int:
    journal = place.folder / "journal"
    return sum(path.stat().st_size for path in journal.iterdir()) if journal.is_dir() else 0
