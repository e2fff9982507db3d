"""A company's CA as others run it: its certificates are built here, without our own profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROLE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH

Extensions: TypeAlias = "Sequence[tuple[x509.ExtensionType, bool]]"


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def role(value: bytes) -> tuple[x509.ExtensionType, bool]:
    return x509.UnrecognizedExtension(ROLE_OID, value), False


def purpose(*purposes: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage(purposes), False


def ca(below: int | None = None) -> tuple[x509.ExtensionType, bool]:
    return x509.BasicConstraints(ca=True, path_length=below), True


def certificate(
    subject: str,
    key: Key,
    issuer: tuple[str, Key],
    extensions: Extensions = (),
    *,
    lasts: tuple[datetime, datetime] = (NOW - DAY, NOW + 365 * DAY),
    digest: hashes.HashAlgorithm | None = hashes.SHA256(),  # noqa: B008  (immutable)
    serial: int | None = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer[0]))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(lasts[0])
        .not_valid_after(lasts[1])
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(issuer[1], digest)  # type: ignore[arg-type]  # as the library's own union has it


def carrying_twice(key: Key) -> x509.Certificate:
    """Rename a second extension to the role's; no builder makes two of one kind."""
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.2"), b"\x0c\x01b")
    once = certificate("hmi-1", key, ("hmi-1", key), [role(b"\x0c\x01a"), (other, False)])
    der = once.public_bytes(serialization.Encoding.DER)
    # The last two arcs of the identifier, 802 and then 2 or 1.
    return x509.load_der_x509_certificate(der.replace(bytes.fromhex("862202"), bytes.fromhex("862201")))


def pem(*items: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in items)


def key_pem(key: Key, passphrase: bytes | None = None) -> bytes:
    sealed = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase)
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)


def write_key(path: Path, key: Key, passphrase: bytes | None = None) -> Path:
    path.touch(0o600)
    path.write_bytes(key_pem(key, passphrase))
    return path


@dataclass
class CompanyCa:
    """A root and an issuing CA below it."""

    root: x509.Certificate
    root_key: ec.EllipticCurvePrivateKey
    issuing: x509.Certificate
    issuing_key: ec.EllipticCurvePrivateKey

    def issue(
        self, subject: str, key: Key, extensions: Extensions = (), *, end: datetime = NOW + 365 * DAY
    ) -> x509.Certificate:
        issuer = ("Works issuing CA", self.issuing_key)
        return certificate(subject, key, issuer, extensions, lasts=(NOW - DAY, end))

    def answer(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """Issue what a request asks for, as a CA does that copies its extensions."""
        extensions = [(extension.value, extension.critical) for extension in request.extensions]
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.issuing.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 365 * DAY)
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(self.issuing_key, hashes.SHA256())

    def crl(
        self,
        serials: Iterable[int] = (),
        *,
        at: datetime = NOW,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.CertificateRevocationList:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuing.subject)
            .last_update(at)
            .next_update(at + 10 * DAY)
        )
        for serial in serials:
            line = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(line.build())
        return builder.sign(key or self.issuing_key, hashes.SHA256())


def company(*, issuing_end: datetime = NOW + 2000 * DAY) -> CompanyCa:
    root_key, issuing_key = new_key(), new_key()
    at_root = ("Works root CA", root_key)
    root = certificate("Works root CA", root_key, at_root, [ca()], lasts=(NOW - DAY, NOW + 4000 * DAY))
    issuing = certificate(
        "Works issuing CA", issuing_key, at_root, [ca(0)], lasts=(NOW - 900 * DAY, issuing_end)
    )
    return CompanyCa(root, root_key, issuing, issuing_key)
