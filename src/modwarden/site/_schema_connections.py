"""The shape of what connects zones: interfaces, rule sets, relays, ways in, identities, buses."""

from typing import Annotated

from pydantic import Field

from modwarden.model import Encryption, Isolation, RelayKind, RemoteAccessKind, RulesetFormat
from modwarden.site._fields import (
    Bound,
    DataRate,
    FromText,
    PortWord,
    Prefix,
    TemperatureRange,
    VoltageText,
)
from modwarden.site._shape import Shape


class PlaceShape(Shape):
    """Where a zone is, and what keeps people from it."""

    location: str | None = Field(None, description="Where it is, in words.")
    buildings: list[str] = Field(default_factory=list, description="The buildings it reaches into.")
    locked: bool | None = Field(None, description="Whether its rooms and cabinets are locked.")
    wireless: bool = Field(default=False, description="Whether any of it is reached by radio.")


class ProtectionShape(Shape):
    """What is declared of a conduit beside its rules; the proof believes none of it."""

    countermeasures: list[str] = Field(default_factory=list, description="Countermeasures, in words.")
    encryption: Annotated[Encryption, FromText] | None = Field(
        None, description="none, tls, wireguard or ipsec."
    )
    isolation: Annotated[Isolation, FromText] | None = Field(
        None, description="How far its path is apart: logical, physical, one_way."
    )


class RulesetShape(Shape):
    """The rule set of a router, as its own tools print it."""

    file: str = Field(description="The file, relative to the site file.")
    format: Annotated[RulesetFormat, FromText] | None = Field(
        None, description="nft, nft-json, iptables-save, ip6tables-save; by the file's suffix where left out."
    )


class RouteShape(Shape):
    """A route to what the router is not attached to."""

    to: Prefix = Field(description="The network.")
    via: str = Field(description="The next router's address.")


class RelayShape(Shape):
    """A service that takes connections and makes others."""

    kind: Annotated[RelayKind, FromText] = Field(
        description="jump_host, historian, opcua, proxy or hypervisor."
    )
    listens: list[PortWord] = Field(
        default_factory=list, description="Its ports, such as tcp/3389; without them, any."
    )


class RemoteAccessShape(Shape):
    """A way into an asset from another zone, whatever the routers say."""

    kind: Annotated[RemoteAccessKind, FromText] = Field(description="vpn, modem or vendor.")
    from_zone: str = Field(alias="from", description="The zone of those who come in.")
    interface: str | None = Field(
        None, description="The interface at which their packets appear, where the asset forwards them."
    )
    addresses: list[Prefix] = Field(
        default_factory=list, description="Addresses they are given; without them, any."
    )
    who: str | None = Field(None, description="Who comes in.")


class IdentitySourceShape(Shape):
    """A directory, or another place that says who somebody is."""

    hosts: list[str] = Field(default_factory=list, description="Assets that it runs on.")
    used_by: list[str] = Field(min_length=1, description="Assets that believe it; names, ranges, `*`.")


class AccountShape(Shape):
    """One name with one secret."""

    assets: list[str] = Field(min_length=1, description="Assets that it opens; names, ranges, `*`.")


class ElectricalShape(Shape):
    """Figures of a transceiver, or what a bus needs of one."""

    isolation: VoltageText | None = Field(None, description="Rated isolation voltage, such as 5000 VDC.")
    cmti: Bound | None = Field(
        None, description="Common-mode transient immunity, such as 100 kV/us or >100 kV/us."
    )
    data_rate: DataRate | None = Field(None, description="Such as 150 Mbit/s.")
    temperature: TemperatureRange | None = Field(None, description="Lowest and highest, °C.")


class BusSegmentShape(Shape):
    """The piece of a bus in one building."""

    building: str = Field(min_length=1, description="The building.")
    units: list[str] = Field(default_factory=list, description="Assets on it; names, ranges, `*`.")
    transceiver: str | None = Field(None, description="The part that drives it.")


class BusShape(Shape):
    """A serial line with everything on it."""

    gateway: str = Field(description="The asset through which clients reach it.")
    segments: list[BusSegmentShape] = Field(min_length=1, description="Its pieces.")
    need: ElectricalShape = Field(
        default_factory=ElectricalShape, description="What every transceiver on it has to bear."
    )
