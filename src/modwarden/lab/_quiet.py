"""Silence for a plant under attack: refused and malformed requests are its daily bread, not news."""

from __future__ import annotations

import logging


def quiet_pymodbus() -> None:
    """Keep pymodbus and the event loop from printing a stack trace for each frame an attacker breaks."""
    for name in ("pymodbus", "pymodbus.logging", "pymodbus_internal", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
