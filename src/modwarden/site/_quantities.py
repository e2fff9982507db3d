"""Figures of transceivers, as data sheets write them."""

import re

from modwarden.model import Voltage
from modwarden.site.problems import Mistake

_VOLTAGE = re.compile(r"^(\d+(?:\.\d+)?) ?(VDC|VRMS)$")
_CMTI = re.compile(r"^(>?) ?(\d+(?:\.\d+)?) ?kV/(?:us|µs|μs)$")
_RATE = re.compile(r"^(\d+(?:\.\d+)?) ?([kM]?)bit/s$")
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6}
# Below this nothing is cold.
_ABSOLUTE_ZERO_C = -273.15


def parse_voltage(text: object) -> Voltage:
    """Read `5000 VDC` or `3750 VRMS`; a bare `V` would leave open which is meant."""
    match = _VOLTAGE.match(text) if isinstance(text, str) else None
    if match is None:
        raise Mistake(
            "bad-voltage", f"{text!r} is no isolation voltage", "write it like 5000 VDC or 3750 VRMS"
        )
    return Voltage(float(match[1]), match[2])


def parse_cmti(text: object) -> tuple[float, bool]:
    """Read `100 kV/us`, or `>100 kV/us` for what lies above it."""
    match = _CMTI.match(text) if isinstance(text, str) else None
    if match is None:
        hint = "write it like 100 kV/us, or >100 kV/us for what lies above"
        raise Mistake("bad-cmti", f"{text!r} is no common-mode transient immunity", hint)
    return float(match[2]), bool(match[1])


def parse_data_rate(text: object) -> float:
    """Read `115.2 kbit/s` or `150 Mbit/s` as bits a second."""
    match = _RATE.match(text) if isinstance(text, str) else None
    if match is None:
        raise Mistake(
            "bad-data-rate", f"{text!r} is no data rate", "write it like 115.2 kbit/s or 150 Mbit/s"
        )
    return float(match[1]) * _FACTORS[match[2]]


def parse_temperatures(value: object) -> tuple[float, float]:
    """Read `[-40, 125]`, in °C."""
    if isinstance(value, list) and len(value) == 2 and all(_is_number(item) for item in value):
        low, high = float(value[0]), float(value[1])
        if _ABSOLUTE_ZERO_C <= low <= high:
            return low, high
    raise Mistake("bad-temperature", f"{value!r} is no range of temperatures", "write it like [-40, 125]")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
