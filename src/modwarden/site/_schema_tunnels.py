"""The shape of tunnels between sites."""

from typing import Annotated

from pydantic import Field

from modwarden.model import TunnelKind
from modwarden.site._fields import Duration, FromText, PortWord, Prefix
from modwarden.site._shape import Shape


class TunnelEndShape(Shape):
    """One end of a tunnel, by the name of its asset."""

    networks: list[Prefix] = Field(
        default_factory=list, description="Networks behind it: what the other end sends into the tunnel."
    )
    address: str | None = Field(
        None, description="Its outer address, one of the asset's; without it, this end only calls."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="wireguard: UDP port at its address; 51820."
    )
    inside: str | None = Field(
        None, description="wireguard: its address on the tunnel's interface, of a network that no zone has."
    )
    interface: str | None = Field(
        None, description="wireguard: the tunnel's interface there, as rule sets name it."
    )
    public_key: str | None = Field(
        None, description="wireguard: its public key, where its private key is made elsewhere."
    )
    identity: str | None = Field(
        None, description="ipsec: its identity, a subjectAltName of its certificate: a DNS name or address."
    )
    certificate: str | None = Field(
        None, description="ipsec: its certificate, PEM; by its file name in /etc/swanctl/x509."
    )
    ca: list[str] | None = Field(
        None,
        min_length=1,
        description="ipsec: authorities that it accepts for the other end; in /etc/swanctl/x509ca.",
    )
    ports: list[PortWord] | None = Field(
        None,
        min_length=1,
        description="ipsec: services behind it that the tunnel carries, such as tcp/502; all.",
    )


class TunnelShape(Shape):
    """An encrypted tunnel between two assets."""

    kind: Annotated[TunnelKind, FromText] = Field(description="wireguard or ipsec.")
    ends: dict[str, TunnelEndShape] = Field(description="Its two ends, each by the name of an asset.")
    keepalive: Duration | None = Field(
        None, description="How often a sign of life is sent (wireguard) or asked for (ipsec; 30s)."
    )
    conduit: str | None = Field(None, description="The conduit whose traffic it carries.")
