"""
Drift: what a host runs now against what the site file says, each difference with what it opens.

It reads and never writes: neither rules nor routes of any host are changed here.
"""

from modwarden.drift.collected import Collected, CollectError, collect, load_collected, write_collected
from modwarden.drift.loaded import Loaded, read_collected
from modwarden.drift.look import Look, look_at

__all__ = [
    "CollectError",
    "Collected",
    "Loaded",
    "Look",
    "collect",
    "load_collected",
    "look_at",
    "read_collected",
    "write_collected",
]
