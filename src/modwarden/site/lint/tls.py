"""TLS of conduits and servers: files that are missing, do not belong together or end, and weak choices."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from modwarden.model import (
    FROM_CERTIFICATE,
    Finding,
    Ocsp,
    OneSided,
    Origin,
    ServerBinding,
    Site,
    Tls,
    WhenSilent,
)
from modwarden.site.lint._finding import error, listed, note, warning
from modwarden.site.lint._pem import PemRead, read_certificates, read_crls, read_key

# As the guard's own alarms; of what lives shorter than twice the mark it says nothing.
_MARKS_DAYS = (7, 30, 90)
_LOUD_DAYS = _MARKS_DAYS[0]
_OTHERS = 0o077
_PLAIN_PORT = 502
_TLS_PORT = 802


def tls_file(site: Site) -> Iterator[Finding]:
    """A file of TLS that cannot be used, so that the guard would not start."""
    for tls in _all_tls(site):
        for key, read in _reads(tls):
            origin = tls.origin.at(key)
            if read.flaw is not None:
                yield error(
                    "tls-file", origin, f"{key}: {read.file} {read.flaw}", "the guard needs it to start"
                )
            elif read.is_hidden:
                what = f"{key}: {read.file} may not be read by whoever runs this, so it was not checked"
                yield note("tls-file-hidden", origin, what, "run `modwarden check` as the guard's account")


def tls_key(site: Site) -> Iterator[Finding]:
    """A key that belongs to another certificate, or that others can read."""
    for tls in _all_tls(site):
        own, key = read_certificates(tls.certificate).held, read_key(tls.key).held
        if own and key is not None and _spki(own[0]) != _public_bytes(key):
            what = f"the key {tls.key} does not belong to the certificate in {tls.certificate}"
            yield error("tls-key", tls.origin.at("key"), what, "name the key that it was issued for")
        if key is not None and tls.key.stat().st_mode & _OTHERS:
            what = f"the key {tls.key} can be read by others than its owner"
            yield warning("tls-key-open", tls.origin.at("key"), what, f"chmod 600 {tls.key}")


def tls_chain(site: Site) -> Iterator[Finding]:
    """The guard's certificate, where its peers would not believe it."""
    usages = ((tls, ExtendedKeyUsageOID.SERVER_AUTH, "server") for tls in _towards_clients(site))
    usages_there = ((tls, ExtendedKeyUsageOID.CLIENT_AUTH, "client") for tls in _towards_servers(site))
    for tls, usage, kind in chain(usages, usages_there):
        own = read_certificates(tls.certificate).held
        if not own:
            continue
        origin = tls.origin.at("certificate")
        # Modbus/TCP Security v36 R-46: the whole chain down to the root.
        is_whole = all(_is_signed_by(one, above) for one, above in pairwise(own))
        if not is_whole or not _is_signed_by(own[-1], own[-1]):
            last = own[-1].issuer.rfc4514_string()
            what = f"{tls.certificate} holds {len(own)} of its chain, and the issuer {last!r} is not in it"
            yield warning(
                "tls-chain", origin, what, "append the issuing authority's certificate, then its root's"
            )
        if not _is_for(own[0], usage):
            what = f"{tls.certificate} is not for {kind}s (extended key usage)"
            yield warning("tls-chain", origin, what, f"issue it with `modwarden pki issue {kind}`")


def tls_trust(site: Site) -> Iterator[Finding]:
    """A certificate in `trust` that is no root: it does not make anybody believed."""
    for tls in _all_tls(site):
        for file in tls.trust:
            strays = [one for one in read_certificates(file).held or [] if not _is_signed_by(one, one)]
            if strays:
                names = listed([one.subject.rfc4514_string() for one in strays])
                what = f"{file} holds {names}, which is no root"
                yield warning(
                    "tls-trust", tls.origin.at("trust"), what, "name the root that the chains end in"
                )


def certificate_expires(site: Site) -> Iterator[Finding]:
    """A certificate of the guard's, or a root, that ends within 90 days."""
    for tls in _all_tls(site):
        for key, files in (("certificate", (tls.certificate,)), ("trust", tls.trust)):
            held = [one for file in files for one in read_certificates(file).held or []]
            for one in held:
                name = one.subject.rfc4514_string()
                life = (one.not_valid_before_utc, one.not_valid_after_utc)
                yield from _ends("certificate", name, tls.origin.at(key), life)


def crl_expires(site: Site) -> Iterator[Finding]:
    """A revocation list that is out of date, or soon will be."""
    for tls in _all_tls(site):
        for crl in (one for file in tls.crls for one in read_crls(file).held or []):
            if crl.next_update_utc is not None:
                name, life = crl.issuer.rfc4514_string(), (crl.last_update_utc, crl.next_update_utc)
                yield from _ends("crl", name, tls.origin.at("crls"), life)


def tls_no_crl(site: Site) -> Iterator[Finding]:
    """Peers whose revocation nobody looks at."""
    for tls in _all_tls(site):
        if not tls.crls and tls.ocsp is not None:
            what = "no `crls` are named, and nobody is asked about issuing authorities"
            yield note("tls-no-crl", tls.origin, what, "name the lists of the roots that revoke them")
        elif not tls.crls:
            what = "no `crls` are named, so a revoked certificate is good until it expires"
            yield note(
                "tls-no-crl", tls.origin, what, "name the lists of the authorities in the peers' chains"
            )


def ocsp_from_certificate(site: Site) -> Iterator[Finding]:
    """A guard that connects to whom certificates name."""
    for ocsp in _all_ocsp(site):
        if ocsp.responder == FROM_CERTIFICATE:
            what = "whoever issues a certificate below `trust` decides whom the guard connects to"
            hint = "name the responder: `responder: http://…`"
            yield note("ocsp-from-certificate", ocsp.origin, what, hint)


def ocsp_refuse(site: Site) -> Iterator[Finding]:
    """A responder without which no session begins."""
    for ocsp in _all_ocsp(site):
        if ocsp.when_silent == WhenSilent.REFUSE:
            what = "while the responder is silent no session begins with anybody whose answer has ended"
            hint = "make it as available as the plant, or leave `when_silent` out"
            yield note("ocsp-refuse", ocsp.origin, what, hint)


def tls_readable(site: Site) -> Iterator[Finding]:
    """A suite that does not encrypt, or that gives up what was recorded with the key."""
    for tls in _all_tls(site):
        for suite in tls.suites:
            if suite.is_readable:
                what = f"{suite} proves who sends, and whoever listens reads along"
                yield note("tls-readable", tls.origin.at("suites"), what, "leave it out to encrypt")
            elif not suite.has_forward_secrecy:
                what = f"{suite} gives up all that was recorded, once the guard's key is stolen"
                yield note("tls-readable", tls.origin.at("suites"), what, "prefer suites of TLS_ECDHE_")


def tls_server_port(site: Site) -> Iterator[Finding]:
    """TLS towards the port of Modbus in the clear, or Modbus in the clear towards the port of TLS."""
    secured = (one for one in _bindings(site) if one.tls is not None)
    for origin, names in _by_origin(one for one in secured if _port(site, one) == _PLAIN_PORT):
        what = f"{names} is to speak TLS at port {_PLAIN_PORT}, where Modbus in the clear is expected"
        hint = f"give the asset `port: {_TLS_PORT}`, unless it is set up otherwise"
        yield note("tls-server-port", origin, what, hint)
    plain = (one for one in _bindings(site) if one.tls is None)
    for origin, names in _by_origin(one for one in plain if _port(site, one) == _TLS_PORT):
        what = f"{names} is asked in the clear at port {_TLS_PORT}, where TLS is expected"
        yield warning("tls-server-port", origin, what, "give the server `tls:`")


def tls_one_sided(site: Site) -> Iterator[Finding]:
    """A server that need not ask who the guard is."""
    lax = (one for one in _bindings(site) if one.tls and one.tls.one_sided == OneSided.WARN)
    for origin, names in _by_origin(lax):
        what = f"{names} may ask for no certificate, and then serves whoever reaches it"
        hint = "set it up to ask for one, and leave `one_sided` out"
        yield note("tls-one-sided", origin, what, hint)


def _port(site: Site, binding: ServerBinding) -> int:
    return site.assets[binding.asset].port


def _by_origin(bindings: Iterable[ServerBinding]) -> Iterator[tuple[Origin, str]]:
    """Name the servers of each line of the file together."""
    found: dict[Origin, list[str]] = {}
    for binding in bindings:
        origin = binding.origin if binding.tls is None else binding.tls.tls.origin
        found.setdefault(origin, []).append(repr(binding.asset))
    return ((origin, listed(names)) for origin, names in found.items())


def _bindings(site: Site) -> Iterator[ServerBinding]:
    return (binding for conduit in site.conduits.values() for binding in conduit.servers)


def _towards_clients(site: Site) -> Iterator[Tls]:
    return (conduit.tls for conduit in site.conduits.values() if conduit.tls is not None)


def _towards_servers(site: Site) -> Iterator[Tls]:
    # Servers of one line of the file have the same words.
    words = (binding.tls.tls for binding in _bindings(site) if binding.tls is not None)
    return iter({tls.origin: tls for tls in words}.values())


def _all_tls(site: Site) -> Iterator[Tls]:
    return chain(_towards_clients(site), _towards_servers(site))


def _all_ocsp(site: Site) -> Iterator[Ocsp]:
    return (tls.ocsp for tls in _all_tls(site) if tls.ocsp is not None)


def _reads(tls: Tls) -> Iterator[tuple[str, PemRead[object]]]:
    yield "certificate", read_certificates(tls.certificate)
    yield "key", read_key(tls.key)
    for file in tls.trust:
        yield "trust", read_certificates(file)
    for file in tls.crls:
        yield "crls", read_crls(file)


def _ends(what: str, name: str, origin: Origin, life: tuple[datetime, datetime]) -> Iterable[Finding]:
    begin, end = life
    left = end - datetime.now(UTC)
    if left < timedelta():
        yield warning(f"{what}-expired", origin, f"{what} {name} ended on {end:%Y-%m-%d}", "renew it")
        return
    marks = [days for days in _MARKS_DAYS if left <= timedelta(days=days) <= (end - begin) / 2]
    if marks:
        told = warning if marks[0] == _LOUD_DAYS else note
        yield told(
            f"{what}-expires",
            origin,
            f"{what} {name} ends on {end:%Y-%m-%d}",
            f"in {left.days} days: renew it",
        )


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001  (the library raises several kinds, and each means no)
        return False
    return True


def _is_for(certificate: x509.Certificate, usage: x509.ObjectIdentifier) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage in usages


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_bytes(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    tls_file,
    tls_key,
    tls_chain,
    tls_trust,
    certificate_expires,
    crl_expires,
    tls_no_crl,
    ocsp_from_certificate,
    ocsp_refuse,
    tls_readable,
    tls_server_port,
    tls_one_sided,
)
