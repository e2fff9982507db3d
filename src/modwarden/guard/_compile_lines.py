"""The line to a server, in the shape of `crates/policy/src/document.rs`."""

from collections.abc import Iterable
from typing import Any

from modwarden.model import Asset, Framing, PointMap, SerialPort, Site

# RTU has 8 data bits (V1.02 §2.5.1).
_DATA_BITS = 8


def line_document(site: Site, asset: Asset, units: Iterable[Asset]) -> dict[str, Any] | None:
    """Describe the line to a server that clients share; `None`: each has a connection of its own."""
    line = asset.line
    if line is None:
        return None
    serial = asset.serial
    return {
        "serial": None if serial is None else serial_document(serial),
        "framing": "rtu" if is_bus(asset) else "mbap",
        "pipeline": line.pipeline,
        "pause_ms": line.pause_ms,
        "lifetime_ms": line.lifetime_ms or 0,
        "turnaround_ms": line.turnaround_ms,
        "window_ms": line.window_ms or 0,
        "read_retries": line.read_retries,
        "echo": line.echo,
        "client_share": line.client_share_percent,
        # Left out where there is none, so that such a policy keeps its digest.
        **({} if line.clients is None else {"clients": line.clients}),
        "side_effects": sorted(
            [unit_id, table, first, last]
            for unit in units
            if unit.points is not None
            for table, first, last in _side_effects(site.point_maps[unit.points])
            for unit_id in unit.unit_ids
        ),
    }


def serial_document(serial: SerialPort) -> dict[str, Any]:
    """Describe a serial port."""
    return {
        "port": serial.port,
        "baud": serial.baud,
        "data_bits": _DATA_BITS,
        "parity": serial.parity,
        "stop_bits": serial.stop_bits,
    }


def is_bus(asset: Asset) -> bool:
    """Whether it is a serial line, here or behind a device server."""
    return asset.serial is not None or asset.framing == Framing.RTU_OVER_TCP


def _side_effects(point_map: PointMap) -> Iterable[tuple[str, int, int]]:
    for point in point_map.points.values():
        if point.read_side_effect:
            for span in point.spans:
                yield span.table, span.first, span.last
