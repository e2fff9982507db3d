"""What is used today where Modbus has to be forwarded: both in Python, both without a policy."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from bench.candidates import Candidate, Place
from bench.processes import CANDIDATE_CPU, ROOT, Child, start

if TYPE_CHECKING:
    from pathlib import Path

# In an environment of its own: it must not choose our packages, nor ours its.
MODBUS_PROXY = ROOT / "target" / "bench" / "modbus-proxy" / "bin" / "modbus-proxy"


def modbus_proxy() -> Candidate:
    """Give modbus-proxy: many clients, one connection to the server, one request at a time."""

    def begin(place: Place) -> Child:
        devices = [
            {"modbus": {"url": f"tcp://{far}", "timeout": 10}, "listen": {"bind": near}}
            for near, far in place.pairs()
        ]
        quiet = {"version": 1, "root": {"level": "ERROR"}}
        config = _write(place.folder / "config.json", {"devices": devices, "logging": quiet})
        return start([MODBUS_PROXY, "-c", config], CANDIDATE_CPU, place.folder / "log")

    return Candidate("modbus-proxy", begin)


def pymodbus() -> Candidate:
    """Give a forwarder of pymodbus's server and client."""

    def begin(place: Place) -> Child:
        script = ROOT / "bench" / "pymodbus_forwarder.py"
        return start([sys.executable, script, json.dumps(place.pairs())], CANDIDATE_CPU, place.folder / "log")

    return Candidate("pymodbus", begin)


def _write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
