"""What idle connections cost in memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench import candidates as known
from bench.measure import running, servers
from bench.processes import PATIENCE_S, read_line, start_load
from bench.site_file import CLIENTS, addresses

if TYPE_CHECKING:
    from pathlib import Path

WANTED = 10_000
_SETTLE_S = 2.0


def measure_memory(folder: Path, connections: int = WANTED, settle_s: float = _SETTLE_S) -> dict[str, Any]:
    """Hold idle connections, each used once, through each candidate; bytes before and while they are held."""
    # A few less than a proxy can hold: the probe whether it listens was one too.
    count = min(connections, known.most_connections() - 10)
    found: dict[str, Any] = {"connections": count, "wanted": connections}
    with servers(), running([known.relay(), known.haproxy(), known.journalling()], folder) as started:
        for each in started:
            found[each.candidate.name] = _hold(each, count, settle_s)
            print(f"memory: {each.candidate.name}: {found[each.candidate.name]}", flush=True)
    return found


def _hold(each: known.Running, count: int, settle_s: float) -> dict[str, Any]:
    assert each.child is not None
    before = each.child.resident_bytes()
    asking = {
        "targets": each.targets,
        "sources": list(CLIENTS),
        "connections": count,
        "addresses": addresses(each.candidate.rules),
    }
    with start_load("idle", asking) as holder:
        try:
            opened = read_line(holder, 2 * PATIENCE_S)
            time.sleep(settle_s)
            held = each.child.resident_bytes()
        finally:
            holder.kill()
    return {"before_bytes": before, "held_bytes": held, **opened}
