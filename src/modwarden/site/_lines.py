"""Lines that clients share: serial ports, device servers, servers with few connections."""

from modwarden.model import Asset, Framing, Line, Origin, SerialPort
from modwarden.site._schema_assets import AssetShape
from modwarden.site._words import expand_beside, holds_range
from modwarden.site.problems import Mistake

# What a window answers counts as read now; limits on steps take a value of the last minute for known.
_LONGEST_WINDOW_MS = 10_000
# V1.02 §2.4.1: 100 to 200 ms.
_TURNAROUND_MS = 100


def serial_ports(shape: AssetShape, names: list[str]) -> list[SerialPort | None]:
    """
    Give each asset of a line of the file its port.

    Raises:
        Mistake: `range-lengths`: several assets share one port.
    """
    if shape.serial is None:
        return [None] * len(names)
    written = shape.serial
    ports = expand_beside(written.port, names)
    if len(names) > 1 and not holds_range(written.port):
        what = f"{len(names)} assets share the port {written.port!r}"
        raise Mistake("range-lengths", what, "give it a range as long as the name's")
    return [SerialPort(port, written.baud, written.parity, written.stop_bits) for port in ports]


def shared_line(shape: AssetShape) -> Line | None:
    """
    Give an asset its line, where clients share one.

    Raises:
        Mistake: `bad-line`: what is written of it does not go together.
    """
    is_bus = shape.serial is not None or shape.framing == Framing.RTU_OVER_TCP
    connections = shape.connections
    if not is_bus and connections is None:
        if shape.line is not None:
            raise _bad("no line is shared here", "`line` goes with `serial`, `rtu_over_tcp` or `connections`")
        return None
    _check_way(shape, is_bus=is_bus)
    line = shape.line.model_dump() if shape.line is not None else {}
    own = connections.model_dump() if connections is not None else {}
    if (line.get("window") or 0) > _LONGEST_WINDOW_MS:
        raise _bad("a window of more than 10s", "10s at most: what it answers counts as read now")
    return Line(
        pipeline=own.get("pipeline", 1),
        pause_ms=own.get("pause") or 0,
        lifetime_ms=own.get("lifetime"),
        turnaround_ms=line.get("turnaround") or _TURNAROUND_MS,
        window_ms=line.get("window"),
        read_retries=line.get("read_retries", 0),
        echo=line.get("echo", False),
        client_share_percent=line.get("client_share_percent", 100),
        clients=line.get("clients"),
    )


def check_ports(assets: list[Asset]) -> list[tuple[Origin, Mistake]]:
    """Find ports that two assets name: each would have half of the replies."""
    seen: dict[str, Asset] = {}
    found = []
    for asset in assets:
        if asset.serial is None:
            continue
        first = seen.setdefault(asset.serial.port, asset)
        if first is not asset:
            what = f"{first.name!r} has the port {asset.serial.port!r} already; see {first.origin}"
            mistake = Mistake("duplicate-port", what, "a port is one bus; put its units `via` one asset")
            found.append((asset.origin.at("serial"), mistake))
    return found


def _check_way(shape: AssetShape, *, is_bus: bool) -> None:
    if is_bus and shape.via is not None:
        raise _bad("it is itself behind a gateway", "keep `via`, or `serial` and `framing`")
    if shape.serial is not None and shape.addresses:
        raise _bad("it has a serial port and addresses", "keep one of them")
    if shape.serial is not None and shape.framing is not None:
        raise _bad("a serial port has no `framing`", "it is RTU")
    if is_bus and shape.connections is not None:
        raise _bad("a bus is always shared", "leave `connections` out")
    if shape.tolerate:
        hint = "on a shared line each would let one client's reply be taken for another's"
        raise _bad("a shared line takes no `tolerate`", hint)


def _bad(what: str, hint: str) -> Mistake:
    return Mistake("bad-line", what, hint)
