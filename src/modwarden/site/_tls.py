"""What is said of TLS: paths resolved, names read, versions and suites held against each other."""

import re
from collections.abc import Iterable
from pathlib import Path

from modwarden.model import Asset, AssetName, Conduit, Framing, Ocsp, Origin, ServerTls, Tls, suites_of
from modwarden.site._schema_tls import OcspShape, ServerTlsShape, TlsShape
from modwarden.site._words import expand_beside, holds_range, parse_address
from modwarden.site.problems import Mistake, Problems

_LONGEST_NAME = 253
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*")


def build_tls(shape: TlsShape | None, base: Path, origin: Origin, problems: Problems) -> Tls | None:
    """Build it; no file is read here, since only the guard's host has them all."""
    if shape is None:
        return None
    versions = tuple(dict.fromkeys(shape.versions))
    suites = suites_of(versions) if shape.suites is None else tuple(dict.fromkeys(shape.suites))
    tls = Tls(
        certificate=base / shape.certificate,
        key=base / shape.key,
        trust=tuple(base / file for file in shape.trust),
        crls=tuple(base / file for file in shape.crls),
        ocsp=_build_ocsp(shape.ocsp, origin.at("ocsp")),
        versions=versions,
        suites=suites,
        stale_crl=shape.stale_crl,
        expired=shape.expired,
        origin=origin,
    )
    with problems.at(origin.at("suites")):
        _check_suites(tls)
    return tls


def build_server_tls(
    shape: ServerTlsShape | None,
    names: list[str],
    base: Path,
    origin: Origin,
    problems: Problems,
) -> list[ServerTls | None]:
    """
    Build it for each server of a line of the file.

    Raises:
        Mistake: `range-lengths`: several servers would have one name; `bad-name`: it is no name.
    """
    tls = build_tls(shape, base, origin, problems)
    if shape is None or tls is None:
        return [None] * len(names)
    expected: list[str | None] = [None] * len(names)
    if shape.name is not None:
        expected = list(expand_beside(shape.name, names))
        if len(names) > 1 and not holds_range(shape.name):
            what = f"{len(names)} servers would all be expected to be {shape.name!r}"
            raise Mistake("range-lengths", what, "give it a range as long as the name's, or leave it out")
    return [
        ServerTls(tls, None if name is None else _server_name(name), shape.max_fragment, shape.one_sided)
        for name in expected
    ]


def check_server_tls(asset: Asset, tls: ServerTls | None) -> None:
    """
    Hold TLS against what a server is.

    Raises:
        Mistake: `tls-on-a-bus`: there is no TLS on a serial line.
    """
    is_bus = asset.serial is not None or asset.framing == Framing.RTU_OVER_TCP
    if tls is not None and is_bus:
        what = f"{asset.name!r} is a serial line, which carries no TLS"
        raise Mistake("tls-on-a-bus", what, "leave `tls` out: it goes with Modbus TCP")


def check_one_way(conduits: Iterable[Conduit]) -> list[tuple[Origin, Mistake]]:
    """Find servers that two conduits of one guard reach in different ways: a connection has one."""
    seen: dict[tuple[AssetName, AssetName], tuple[ServerTls | None, Origin]] = {}
    found = []
    for conduit in conduits:
        for binding in conduit.servers:
            first, origin = seen.setdefault((conduit.guard, binding.asset), (binding.tls, binding.origin))
            if first != binding.tls:
                what = f"{binding.asset!r} has another `tls` at {origin}"
                hint = "a guard reaches a server in one way: write the same `tls` in both conduits"
                found.append((binding.origin, Mistake("server-tls-differs", what, hint)))
    return found


def _build_ocsp(shape: OcspShape | None, origin: Origin) -> Ocsp | None:
    if shape is None:
        return None
    return Ocsp(shape.responder, shape.when_silent, shape.timeout, shape.max_age, origin)


def _server_name(text: str) -> str:
    """Read a name that a certificate can carry: RFC 5280 §4.2.1.6, no wildcards."""
    if all(part.isdigit() for part in text.split(".")) or ":" in text:
        return str(parse_address(text))
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        hint = "write a DNS name or an address as its certificate has it, without wildcards"
        raise Mistake("bad-name", f"{text!r} is no name of a server", hint)
    return text


def _check_suites(tls: Tls) -> None:
    strays = [suite for suite in tls.suites if suite.version not in tls.versions]
    if strays:
        what = f"{strays[0]} is of TLS {strays[0].version}, which is not spoken here"
        raise Mistake("tls-suite-version", what, "name the version in `versions`, or leave the suite out")
    mute = [version for version in tls.versions if all(suite.version != version for suite in tls.suites)]
    if mute:
        what = f"no suite of TLS {mute[0]} is named, so nobody could speak it"
        raise Mistake("tls-suite-version", what, "name one, or leave the version out of `versions`")
