"""No shared authentication between IT and OT: a CA that lets people in on both sides of the DMZ."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509

from modwarden.model import Finding, Origin, Severity, Site, Tls, ZoneName
from modwarden.pki.chain import authorities_of

# The model of IEC 62443-3-3 and Purdue: 3 and above is of the enterprise, 1 and below of the process.
_IT_FROM = 3
_OT_TO = 1


@dataclass(slots=True)
class _Reach:
    """Where the word of one CA counts."""

    name: str
    it: tuple[ZoneName, Origin] | None = None
    ot: tuple[ZoneName, Origin] | None = None


def find_shared_authorities(site: Site) -> list[Finding]:
    """Warn of each CA that vouches for peers at level 3 or above, and at level 1 or below."""
    reaches: dict[str, _Reach] = {}
    for tls, zones in _uses(site):
        for digest, name in _authorities(tls):
            reach = reaches.setdefault(digest, _Reach(name))
            for zone in zones:
                level = site.zones[zone].level
                if level is not None and level >= _IT_FROM:
                    reach.it = reach.it or (zone, tls.origin)
                if level is not None and level <= _OT_TO:
                    reach.ot = reach.ot or (zone, tls.origin)
    return [_finding(reach.name, reach.it, reach.ot) for reach in reaches.values() if reach.it and reach.ot]


def _uses(site: Site) -> Iterator[tuple[Tls, tuple[ZoneName, ...]]]:
    """Each use of TLS, with the zones that its peers are in."""
    for conduit in site.conduits.values():
        if conduit.tls is not None:
            yield conduit.tls, conduit.from_zones
        for binding in conduit.servers:
            if binding.tls is not None:
                yield binding.tls.tls, (conduit.to_zone,)


def _authorities(tls: Tls) -> Iterable[tuple[str, str]]:
    """Give the CAs that vouch for the peers; a file that cannot be read is `tls-file`, and told elsewhere."""
    for file in tls.trust:
        try:
            certificates = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError):
            continue
        yield from authorities_of(certificates).items()


def _finding(name: str, it: tuple[ZoneName, Origin], ot: tuple[ZoneName, Origin]) -> Finding:
    what = f"the CA {name!r} vouches for peers of zone {ot[0]!r} and of zone {it[0]!r} (see {it[1]})"
    hint = "whoever breaks it comes in on both sides of the DMZ: make one PKI for each (`modwarden pki init`)"
    return Finding("one-ca-both-sides", Severity.WARNING, what, hint, ot[1].at("trust"))
