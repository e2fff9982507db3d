"""The shape of the site file, as pydantic models; their descriptions are the JSON Schema's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from modwarden.model import (
    Expectation,
    Expired,
    Framing,
    Insertion,
    OnGuardFailure,
    OnJournalFailure,
    OnPolicyFailure,
    Order,
    Parity,
    PointType,
    RecordReadValues,
    ServerSilent,
    StaleCrl,
    Suite,
    TlsVersion,
    Tolerance,
    Verdicts,
)
from modwarden.site._fields import (
    DenialWord,
    Duration,
    FromText,
    FunctionWord,
    LevelWord,
    Place,
    Prefix,
    ScheduleText,
    SecurityLevelWord,
    Size,
    ValueRange,
)
from modwarden.site._schema_connections import (
    AccountShape,
    BusShape,
    ElectricalShape,
    IdentitySourceShape,
    PlaceShape,
    ProtectionShape,
    RelayShape,
    RemoteAccessShape,
    RouteShape,
    RulesetShape,
)
from modwarden.site._shape import Shape

_UnitNumber = Annotated[int, Field(ge=0, le=255)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_OrderWord = Annotated[Order, FromText]


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


class MaxChangeShape(Shape):
    """A bound on how far a value may move within a time."""

    by: _Positive = Field(description="Largest difference, in engineering units.")
    within: Duration = Field(alias="in", description="The window.")


class LimitsShape(Shape):
    """What a written value is held to, in engineering units."""

    range: ValueRange | None = Field(None, description="Smallest and largest value, inclusive.")
    allowed: list[_Finite] | None = Field(None, description="The only values.")
    max_step: _Finite | None = Field(None, ge=0, description="Largest difference from the last known value.")
    max_change: MaxChangeShape | None = Field(
        None, description="Largest difference from any value in a window."
    )
    per_minute: Annotated[int, Field(ge=0, le=0xFFFF_FFFF)] | None = Field(
        None, description="Most forwarded writes in any 60 s, all clients together."
    )
    max_age: Duration | None = Field(
        None, description="Age after which a known value counts as unknown; 60s."
    )


class PointShape(Shape):
    """A named, typed value of a server; value = raw * scale + offset."""

    at: Place = Field(description="Table and 0-based addresses, inclusive.")
    type: Annotated[PointType, FromText] | None = Field(
        None, description="Its type; may be left out for bits."
    )
    word_order: _OrderWord = Field(Order.BIG, description="Which register comes first.")
    byte_order: _OrderWord = Field(Order.BIG, description="Which byte of a register comes first.")
    scale: _Finite = Field(1.0, description="Multiplier of the raw value.")
    offset: _Finite = Field(0.0, description="Added after scaling.")
    engineering_unit: str | None = Field(None, description="Unit shown beside the value, such as degC.")
    aliases: list[Place] = Field(
        default_factory=list, description="Other addresses that show the same value."
    )
    partial: Literal["permit", "deny"] = Field(
        "deny", description="Whether a write may cover only part of it."
    )
    read_side_effect: bool = Field(
        default=False, description="Reading it has an effect: no window answers it again."
    )
    write: LimitsShape | None = Field(None, description="Limits on written values.")


class ColumnsShape(Shape):
    """Which column of the CSV file holds what."""

    name: str = Field("name", description="Name of the point.")
    address: str = Field("address", description="40101, 400101, 4x101, or a number in the table of `table`.")
    table: str = Field("table", description="Table, where the address does not say it.")
    type: str = Field("type", description="Type of the value.")
    word_order: str = Field("word_order", description="big or little.")
    byte_order: str = Field("byte_order", description="big or little.")
    scale: str = Field("scale", description="Multiplier.")
    offset: str = Field("offset", description="Offset.")
    engineering_unit: str = Field("engineering_unit", description="Unit.")
    min: str = Field("min", description="Smallest value that may be written.")
    max: str = Field("max", description="Largest value that may be written.")
    max_step: str = Field("max_step", description="Largest step of a write.")
    per_minute: str = Field("per_minute", description="Most writes a minute.")


class PointFileShape(Shape):
    """Points from a CSV file."""

    file: str = Field(description="The CSV file, relative to the site file.")
    columns: ColumnsShape = Field(default_factory=ColumnsShape, description="The vendor's column names.")
    types: dict[str, Annotated[PointType, FromText]] = Field(
        default_factory=dict, description="The vendor's words for types; those of IEC 61131-3 are known."
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="Between the columns.")
    encoding: str = Field("utf-8-sig", description="Text encoding of the file.")
    first_address: Literal[0, 1] = Field(0, description="What the vendor calls a table's first address.")
    word_order: _OrderWord = Field(Order.BIG, description="Where the file has no such column.")
    byte_order: _OrderWord = Field(Order.BIG, description="Where the file has no such column.")


def _kind_of_map(value: Any) -> str:
    return "file" if isinstance(value, dict) and isinstance(value.get("file"), str) else "points"


PointMapShape = Annotated[
    Annotated[PointFileShape, Tag("file")] | Annotated[dict[str, PointShape], Tag("points")],
    Discriminator(_kind_of_map),
]


class SerialShape(Shape):
    """A serial port of the guard's host; RTU, 8 data bits, nothing assumed."""

    port: str = Field(min_length=1, description="Its device file; a range as in the name.")
    baud: Annotated[int, Field(ge=300, le=12_000_000)] = Field(description="Speed of the line.")
    parity: Annotated[Parity, FromText] = Field(description="none, even or odd, as the units are set.")
    stop_bits: Literal[1, 2] = Field(description="1 or 2, as the units are set.")


class LineShape(Shape):
    """How clients share a line."""

    turnaround: Duration | None = Field(
        None, description="How long units need for a broadcast, which nobody answers; 100ms."
    )
    window: Duration | None = Field(
        None, description="How long a read answers the same read again; without it, never."
    )
    read_retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="How often a read without a reply is repeated; a write never is."
    )
    echo: bool = Field(default=False, description="Whether the adapter hears what it sends.")
    client_share_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        100, description="The part of the line's time that one client may have."
    )


class ConnectionsShape(Shape):
    """How the guard connects to a server that takes few connections."""

    shared: Literal[True] = Field(description="All clients share one connection.")
    pipeline: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="Requests that the server is known to bear at once."
    )
    pause: Duration | None = Field(None, description="Between a reply and the next request; none.")
    lifetime: Duration | None = Field(
        None, description="After this the connection is renewed, once nothing is open on it."
    )


class AssetShape(Shape):
    """A client, server, gateway or the host of a guard; `name-[001-200]` stands for many."""

    zone: str = Field(description="The zone it belongs to.")
    addresses: list[str] = Field(default_factory=list, description="IP addresses; ranges as in the name.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(502, description="Modbus TCP port.")
    unit_ids: list[_UnitNumber] | None = Field(None, description="Unit ids that clients use for it.")
    unit_id: _UnitNumber | str | None = Field(None, description="Its one unit id; a range as in the name.")
    via: str | None = Field(None, description="The gateway it stands behind.")
    points: str | None = Field(None, description="Name of its map of points.")
    vendor: str | None = Field(None, description="Who made it.")
    model: str | None = Field(None, description="The maker's name for it.")
    firmware: str | None = Field(None, description="Its version.")
    tolerate: list[Annotated[Tolerance, FromText]] = Field(
        default_factory=list, description="Rules of Modbus it may break."
    )
    reply_timeout: Duration | None = Field(
        None, description="How long a reply may take; 10s, behind a gateway or on a bus 3s."
    )
    serial: SerialShape | None = Field(None, description="The serial port that leads to its units.")
    framing: Annotated[Framing, FromText] | None = Field(
        None, description="modbus_tcp, or rtu_over_tcp for serial device servers."
    )
    connections: ConnectionsShape | None = Field(
        None, description="For a server that takes few connections; without it, each client has one."
    )
    line: LineShape | None = Field(None, description="How clients share a bus or a connection.")
    interfaces: dict[str, list[str]] = Field(
        default_factory=dict, description="Addresses by interface, as its rule sets name them."
    )
    forwards: bool = Field(default=False, description="Whether it routes between its interfaces.")
    rulesets: list[RulesetShape] = Field(
        default_factory=list, description="What its packet filter holds; without one, everything passes."
    )
    routes: list[RouteShape] | None = Field(
        None, description="Its routes; without the key, it may know a way to every network."
    )
    relay: RelayShape | None = Field(None, description="What it relays.")
    remote_access: list[RemoteAccessShape] = Field(
        default_factory=list, description="Ways into it that no router sees."
    )
    moves_between: list[str] = Field(
        default_factory=list, description="Zones in which it is connected at one time or another."
    )


class ServerShape(Shape):
    """A server of a conduit."""

    listen: str = Field(description="Where the guard listens for it; a range as in the name.")


class RuleShape(Shape):
    """What may pass (`permit`), or what never may (`never`). Order means nothing."""

    name: str = Field(min_length=1, description="Name, unique within the conduit; records carry it.")
    permit: list[FunctionWord] | None = Field(None, description="Functions that may pass.")
    never: list[FunctionWord] | None = Field(None, description="Functions that never pass.")
    clients: list[str] | None = Field(None, description="Assets, zones, addresses, networks.")
    roles: list[str] | None = Field(
        None, description="Roles of which the client's certificate must carry one."
    )
    servers: list[str] | None = Field(
        None, description="Servers of the conduit, or assets behind its gateways."
    )
    unit_ids: list[_UnitNumber] | None = Field(None, description="Unit ids the request must carry.")
    points: list[str] | None = Field(None, description="Points it may touch.")
    ranges: list[Place] | None = Field(None, description="Addresses it may touch.")
    limits: dict[str, LimitsShape] = Field(
        default_factory=dict, description="Limits that replace a point's own, key by key."
    )
    when: ScheduleText | None = Field(None, description="Local times in which the rule holds.")
    essential: bool = Field(
        default=False, description="Passes while the journal fails, blocks and islands hold."
    )
    denial: DenialWord | None = Field(None, description="How a refusal by this rule looks.")
    polling_period: Duration | None = Field(None, description="How often its clients ask.")


class OnFailureShape(Shape):
    """The operator's choice for each failure."""

    journal: Annotated[OnJournalFailure, FromText] = Field(
        OnJournalFailure.DENY_WRITES, description="Requests that need a record while the journal fails."
    )
    guard: Annotated[OnGuardFailure, FromText] = Field(
        OnGuardFailure.CLOSED,
        description="The path without its guard; open only where insertion is transparent.",
    )
    policy: Annotated[OnPolicyFailure, FromText] = Field(
        OnPolicyFailure.LAST_GOOD, description="What stands in for a site file that cannot be read."
    )


class BudgetsShape(Shape):
    """What clients can make a conduit spend."""

    sessions: _Count = Field(1024, description="Sessions of the conduit at once.")
    sessions_per_client: _Count = Field(256, description="Sessions of one client address at once.")
    open_requests: _Count = Field(16, description="Requests of one session that wait for a reply.")
    queued_requests: _Count = Field(64, description="Requests of one session that wait behind those.")
    denial_rows_per_second: _Count = Field(20, description="Refusals of one source recorded row by row.")


class TlsShape(Shape):
    """TLS towards the clients of a conduit, on all of its listeners; both sides show certificates."""

    certificate: str = Field(description="The guard's certificate and its chain, PEM; relative to this file.")
    key: str = Field(description="Its private key, PEM, without a passphrase.")
    trust: list[str] = Field(min_length=1, description="Roots in which clients' chains must end, PEM.")
    crls: list[str] = Field(
        default_factory=list, description="Revocation lists of the authorities in those chains."
    )
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


class ConduitShape(Shape):
    """The only path between zones, and its rules."""

    from_zones: list[str] = Field(alias="from", min_length=1, description="Zones whose assets are clients.")
    to_zone: str = Field(alias="to", description="The zone of the servers.")
    guard: str | None = Field(
        None, description="The asset its guard runs on; may be left out where there is one."
    )
    insertion: Annotated[Insertion, FromText] = Field(
        Insertion.PROXY, description="How the guard stands in the path: proxy."
    )
    verdicts: Annotated[Verdicts, FromText] = Field(
        Verdicts.ENFORCE, description="observe forwards everything and records what would be refused."
    )
    denial: DenialWord = Field(1, description="How a refusal looks: exception code, silence or reset.")
    server_silent: Annotated[ServerSilent, FromText] = Field(
        ServerSilent.EXCEPTION, description="What a client sees when its server is silent."
    )
    idle_timeout: Duration = Field(
        30_000,
        description="Sessions without a request end after this; 30s.",
        json_schema_extra={"default": "30s"},
    )
    deadline: Duration | None = Field(
        None, description="A write not forwarded by then is refused; 500ms, serial 2s."
    )
    on_failure: OnFailureShape = Field(default_factory=OnFailureShape, description="Failure modes.")
    record_read_values: Annotated[RecordReadValues, FromText] = Field(
        RecordReadValues.CHANGES, description="Which values read are recorded: all, only changes, none."
    )
    budgets: BudgetsShape = Field(default_factory=BudgetsShape, description="Named budgets.")
    tls: TlsShape | None = Field(None, description="TLS towards clients; without it, Modbus in the clear.")
    servers: dict[str, ServerShape] = Field(min_length=1, description="Servers reached through this conduit.")
    rules: list[RuleShape] = Field(default_factory=list, description="Permits and nevers; a set.")
    protection: ProtectionShape = Field(
        default_factory=ProtectionShape, description="What is declared of its path."
    )


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
    tests: list[TestShape] = Field(default_factory=list, description="Run by `modwarden policy test`.")


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a site file, for editors."""
    schema = SiteShape.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
