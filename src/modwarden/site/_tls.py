"""A conduit's part about TLS: paths resolved, versions and suites held against each other."""

from pathlib import Path

from modwarden.model import Origin, Tls, suites_of
from modwarden.site._schema import TlsShape
from modwarden.site.problems import Mistake, Problems


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
        versions=versions,
        suites=suites,
        stale_crl=shape.stale_crl,
        expired=shape.expired,
        origin=origin,
    )
    with problems.at(origin.at("suites")):
        _check_suites(tls)
    return tls


def _check_suites(tls: Tls) -> None:
    strays = [suite for suite in tls.suites if suite.version not in tls.versions]
    if strays:
        what = f"{strays[0]} is of TLS {strays[0].version}, which this conduit does not speak"
        raise Mistake("tls-suite-version", what, "name the version in `versions`, or leave the suite out")
    mute = [version for version in tls.versions if all(suite.version != version for suite in tls.suites)]
    if mute:
        what = f"no suite of TLS {mute[0]} is named, so no client could speak it"
        raise Mistake("tls-suite-version", what, "name one, or leave the version out of `versions`")
