"""The shape of TLS, towards clients and towards servers."""

from typing import Annotated, Literal

from pydantic import Field

from modwarden.model import (
    Expired,
    OneSided,
    StaleCrl,
    Suite,
    TlsVersion,
    WhenSilent,
)
from modwarden.site._fields import (
    FromText,
    OcspAge,
    OcspTimeout,
    ResponderText,
)
from modwarden.site._shape import Shape


class OcspShape(Shape):
    """Whom to ask whether a peer's own certificate was revoked."""

    responder: ResponderText = Field(
        description="Its URL, http:// only; or from_certificate: whom the peer's certificate names."
    )
    when_silent: Annotated[WhenSilent, FromText] = Field(
        WhenSilent.WARN, description="No answer, or none that can be used: warn or refuse new sessions."
    )
    timeout: OcspTimeout = Field(2_000, description="How long a question may take: 100ms to 10s.")
    max_age: OcspAge = Field(
        3_600_000,
        description="How long an answer counts at most, whatever it says: 1s to 24h.",
        json_schema_extra={"default": "1h"},
    )


class TlsShape(Shape):
    """TLS towards the clients of a conduit, on all of its listeners; both sides show certificates."""

    certificate: str = Field(description="The guard's certificate and its chain, PEM; relative to this file.")
    key: str = Field(description="Its private key, PEM, without a passphrase.")
    trust: list[str] = Field(min_length=1, description="Roots in which the peers' chains must end, PEM.")
    crls: list[str] = Field(
        default_factory=list, description="Revocation lists of the authorities in those chains."
    )
    ocsp: OcspShape | None = Field(None, description="Whom to ask who was revoked.")
    versions: list[Annotated[TlsVersion, FromText]] = Field(
        default_factory=lambda: list(TlsVersion), min_length=1, description="Versions spoken: 1.2, 1.3."
    )
    suites: list[Annotated[Suite, FromText]] | None = Field(
        None, min_length=1, description="Suites by IANA name, preferred first; all with forward secrecy."
    )
    stale_crl: Annotated[StaleCrl, FromText] = Field(
        StaleCrl.WARN, description="A revocation list that is out of date or missing: warn or refuse."
    )
    expired: Annotated[Expired, FromText] = Field(
        Expired.WARN, description="A certificate that expires within a session: warn or close."
    )


class ServerTlsShape(TlsShape):
    """TLS towards a server, with the guard as its client; both sides show certificates."""

    name: str | None = Field(
        None, description="DNS name or address that its certificate carries; its address, unless given."
    )
    max_fragment: Literal[512, 1024, 2048, 4096] | None = Field(
        None, description="The longest fragment that it is asked for, in bytes."
    )
    one_sided: Annotated[OneSided, FromText] = Field(
        OneSided.REFUSE, description="A server that asks for no certificate: warn or refuse."
    )
