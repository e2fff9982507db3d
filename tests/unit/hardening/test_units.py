"""The units: systemd takes them without a word, and a guard's unit leaves little of its host open."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hardening"
HOSTS = sorted(str(path.parent.relative_to(GOLDEN)) for path in GOLDEN.glob("*/*/modwarden-rules.service"))
GUARDS = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.glob("*/*/modwarden-guard.service"))
# In tenths, as `--threshold` has it. A serial port and port 502 on one host cost a device, a group and a
# capability.
MOST_EXPOSED = 20
EXCEPTIONS = {"plant/gate-1/modwarden-guard.service": 21}


def units(host: str, folder: Path) -> list[str]:
    """Copy a host's files, with its programs where the units say that they are."""
    for path in (GOLDEN / host).iterdir():
        copy = folder / path.name
        copy.write_text(path.read_text().replace("/etc/modwarden/", f"{folder}/"))
        copy.chmod(0o755 if path.suffix == ".sh" else 0o644)
    return [str(path) for path in sorted(folder.glob("*.service"))]


@pytest.mark.needs_tool("systemd-analyze")
@pytest.mark.needs_tool("nft")
@pytest.mark.parametrize("host", HOSTS)
def test_systemd_takes_every_unit_without_a_word(host: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *units(host, tmp_path)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.needs_tool("systemd-analyze")
@pytest.mark.parametrize("unit", GUARDS)
def test_a_guards_unit_leaves_little_of_its_host_open(unit: str) -> None:
    most = EXCEPTIONS.get(unit, MOST_EXPOSED)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", str(GOLDEN / unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-200:]


def test_a_guard_has_the_capabilities_that_its_conduits_need_and_no_others() -> None:
    held = {
        unit: line.partition("=")[2]
        for unit in GUARDS
        for line in (GOLDEN / unit).read_text().splitlines()
        if line.startswith("CapabilityBoundingSet=")
    }

    assert held == {
        "plant/gate-1/modwarden-guard.service": "CAP_NET_BIND_SERVICE",
        "routed/gate-1/modwarden-guard.service": "CAP_NET_ADMIN",
        "same_subnet/gate-1/modwarden-guard.service": "CAP_NET_ADMIN",
    }


def test_a_guard_on_a_bus_may_open_the_ports_of_its_buses_and_no_other_device() -> None:
    text = (GOLDEN / "plant" / "gate-1" / "modwarden-guard.service").read_text()
    devices = [line for line in text.splitlines() if "Device" in line or "ntaryGroups" in line]

    assert devices == ["DevicePolicy=closed", "DeviceAllow=/dev/ttyS1 rw", "SupplementaryGroups=dialout"]
