"""The machine and the versions that figures belong to, as the system tells them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.processes import CANDIDATE_CPU, LOAD_CPU, ROOT
from bench.rivals import MODBUS_PROXY


def describe() -> dict[str, str]:
    """Give each property in words."""
    return {
        "processor": _processor(),
        "cores": f"{os.cpu_count()} (load side on {LOAD_CPU}, candidate on {CANDIDATE_CPU})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "modwarden": f"{version('modwarden')}, commit {_commit()}",
        "haproxy": _said("haproxy", "-v").split(" - ")[0].removeprefix("HAProxy version "),
        "modbus-proxy": _modbus_proxy(),
        "pymodbus": version("pymodbus"),
        "python": sys.version.split()[0],
        "rust": _said("rustc", "--version").removeprefix("rustc "),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    return _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")


def _modbus_proxy() -> str:
    python = MODBUS_PROXY.with_name("python")
    code = "from importlib.metadata import version; print(version('modbus-proxy'))"
    return _said(str(python), "-c", code)


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not there"
    return done.stdout.splitlines()[0] if done.stdout else ""
