"""The shape of the site file, as pydantic models; their descriptions are the JSON Schema's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from modwarden.model import (
    Expectation,
)
from modwarden.site._fields import (
    Duration,
    FromText,
    LevelWord,
    Prefix,
    SecurityLevelWord,
    Size,
)
from modwarden.site._schema_assets import (
    AssetShape,
)
from modwarden.site._schema_conduits import (
    ConduitShape,
)
from modwarden.site._schema_connections import (
    AccountShape,
    BusShape,
    ElectricalShape,
    IdentitySourceShape,
    PlaceShape,
)
from modwarden.site._schema_points import PointMapShape
from modwarden.site._schema_tunnels import TunnelShape
from modwarden.site._shape import Shape

_UnitNumber = Annotated[int, Field(ge=0, le=255)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class ZoneShape(Shape):
    """A zone: assets that share security requirements."""

    level: LevelWord | None = Field(
        None,
        description="Level of the reference model, 0 to 5; or field, control, dmz, enterprise, internet.",
    )
    sl_t: SecurityLevelWord | None = Field(
        None, description="Target security level, 0 to 4; or one for each of IAC, UC, SI, DC, RDF, TRE, RA."
    )
    networks: list[Prefix] = Field(
        default_factory=list, description="Networks whose addresses are in this zone."
    )
    vlans: dict[str, Annotated[int, Field(ge=1, le=4094)]] = Field(
        default_factory=dict, description="The VLAN of each of its networks that has one."
    )
    place: PlaceShape = Field(default_factory=PlaceShape, description="Where it is.")


class KeepShape(Shape):
    """What of the journal is kept; without limits, all of it."""

    age: Duration | None = Field(None, description="Oldest record.")
    size: Size | None = Field(None, description="Most bytes on disk.")


class SyslogShape(Shape):
    """The second sink, for essential traffic while the journal fails."""

    server: str = Field(description="Address and port; UDP.")


class JournalShape(Shape):
    """The record of every request."""

    directory: str = Field("journal", description="Where it lives, relative to the site file.")
    keys: str = Field("keys", description="Where its signing keys live; never inside the directory.")
    keep: KeepShape = Field(default_factory=KeepShape, description="How long records stay.")
    deadline: Duration = Field(
        200, description="A slower sync counts as a failure; 200ms.", json_schema_extra={"default": "200ms"}
    )
    commit_interval: Duration = Field(
        200,
        description="Longest time a record waits for the disk; 200ms.",
        json_schema_extra={"default": "200ms"},
    )
    syslog: SyslogShape | None = Field(None, description="The second sink.")


class TestShape(Shape):
    """A request in words, and the verdict that is expected."""

    client: str = Field(description="An asset or an address.")
    server: str = Field(description="A server, or an asset behind a gateway.")
    request: str = Field(min_length=1, description="Such as: write temperature_setpoint 21.5")
    expect: Annotated[Expectation, FromText] = Field(description="permit or deny.")
    role: str | None = Field(None, description="Role the client's certificate carries.")
    unit_id: _UnitNumber | None = Field(None, description="Unit id of the request.")
    at: Annotated[datetime, FromText] | None = Field(
        None, description="Local time; without it, no `when` holds."
    )
    known: dict[str, _Finite | list[Annotated[int, Field(ge=0, le=65535)]]] = Field(
        default_factory=dict, description="Last known values, by point or place."
    )


class SiteShape(Shape):
    """A site: zones, assets, conduits and the rules between them."""

    modwarden: Literal[1] = Field(description="Version of this format.")
    site: str = Field(min_length=1, description="The site's name.")
    timezone: str = Field("UTC", description="IANA time zone, for `when`.")
    zones: dict[str, ZoneShape] = Field(description="Zones.")
    points: dict[str, PointMapShape] = Field(default_factory=dict, description="Maps of points.")
    assets: dict[str, AssetShape] = Field(description="Assets.")
    conduits: dict[str, ConduitShape] = Field(default_factory=dict, description="Conduits.")
    journal: JournalShape = Field(default_factory=JournalShape, description="The journal.")
    identity_sources: dict[str, IdentitySourceShape] = Field(
        default_factory=dict, description="Directories and the like."
    )
    accounts: dict[str, AccountShape] = Field(
        default_factory=dict, description="Accounts that open more than one asset."
    )
    transceivers: dict[str, ElectricalShape] = Field(
        default_factory=dict, description="Parts that drive serial buses, with their data."
    )
    buses: dict[str, BusShape] = Field(default_factory=dict, description="Serial buses in their buildings.")
    tunnels: dict[str, TunnelShape] = Field(
        default_factory=dict, description="Encrypted tunnels, each between two assets."
    )
    tests: list[TestShape] = Field(default_factory=list, description="Run by `modwarden policy test`.")


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a site file, for editors."""
    schema = SiteShape.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
