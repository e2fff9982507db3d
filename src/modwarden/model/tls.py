"""TLS towards clients of a conduit, and towards servers: whose certificates are believed, what is spoken."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from modwarden.model.origin import Origin


class TlsVersion(StrEnum):
    """A version of TLS; Modbus/TCP Security v36 R-01 and R-32 to R-35 know no older ones."""

    V1_2 = "1.2"
    V1_3 = "1.3"


class Suite(StrEnum):
    """A cipher suite by its IANA name."""

    AES_128_GCM = "TLS_AES_128_GCM_SHA256"
    AES_256_GCM = "TLS_AES_256_GCM_SHA384"
    CHACHA20 = "TLS_CHACHA20_POLY1305_SHA256"
    ECDSA_AES_128_GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    RSA_AES_128_GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    ECDSA_AES_256_GCM = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    RSA_AES_256_GCM = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    ECDSA_CHACHA20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    RSA_CHACHA20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    ECDSA_AES_128_CCM_8 = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
    STATIC_RSA_AES_128_GCM = "TLS_RSA_WITH_AES_128_GCM_SHA256"
    STATIC_RSA_NULL = "TLS_RSA_WITH_NULL_SHA256"

    @property
    def version(self) -> TlsVersion:
        """The version it belongs to."""
        return TlsVersion.V1_2 if "_WITH_" in self else TlsVersion.V1_3

    @property
    def is_readable(self) -> bool:
        """Whether whoever listens can read what is sent."""
        return self is Suite.STATIC_RSA_NULL

    @property
    def has_forward_secrecy(self) -> bool:
        """Whether what was recorded stays secret when the key is stolen later."""
        return not self.startswith("TLS_RSA_")


# All that encrypt with forward secrecy, the cheapest on a small computer first. R-36: counter mode alone.
DEFAULT_SUITES = tuple(
    suite for suite in Suite if suite.has_forward_secrecy and suite is not Suite.ECDSA_AES_128_CCM_8
)


class StaleCrl(StrEnum):
    """What becomes of a client about whose revocation nothing current is known."""

    WARN = "warn"
    REFUSE = "refuse"


class Expired(StrEnum):
    """What becomes of a session whose certificate expires."""

    WARN = "warn"
    CLOSE = "close"


class OneSided(StrEnum):
    """What becomes of a server that asks the guard for no certificate."""

    WARN = "warn"
    REFUSE = "refuse"


class WhenSilent(StrEnum):
    """What becomes of a certificate about whose revocation no responder says anything."""

    WARN = "warn"
    REFUSE = "refuse"


FROM_CERTIFICATE = "from_certificate"
"""The responder is the one that a peer's certificate names."""


@dataclass(frozen=True, slots=True)
class Ocsp:
    """Whom a guard asks whether a peer's own certificate was revoked (RFC 6960)."""

    responder: str
    """Its URL, or `FROM_CERTIFICATE`."""
    when_silent: WhenSilent = WhenSilent.WARN
    timeout_ms: int = 2_000
    max_age_ms: int = 3_600_000
    """How long an answer counts at most, whatever it says itself."""
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """What a conduit, or a server in it, says of TLS; the key is a file that only the guard reads."""

    certificate: Path
    key: Path
    trust: tuple[Path, ...]
    crls: tuple[Path, ...] = ()
    ocsp: Ocsp | None = None
    versions: tuple[TlsVersion, ...] = tuple(TlsVersion)
    suites: tuple[Suite, ...] = DEFAULT_SUITES
    stale_crl: StaleCrl = StaleCrl.WARN
    expired: Expired = Expired.WARN
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS towards a server: the guard is the client, and holds the server to a name."""

    tls: Tls
    name: str | None = None
    """What the server's certificate must carry; without it, the server's address."""
    max_fragment_bytes: int | None = None
    one_sided: OneSided = OneSided.REFUSE


def suites_of(versions: Iterable[TlsVersion]) -> tuple[Suite, ...]:
    """Give the default suites of some versions."""
    spoken = frozenset(versions)
    return tuple(suite for suite in DEFAULT_SUITES if suite.version in spoken)
