"""The shape of conduits and their rules."""

from typing import Annotated

from pydantic import Field

from modwarden.model import (
    DIVERTED_PORT,
    ClientAddress,
    Insertion,
    Layout,
    OnGuardFailure,
    OnJournalFailure,
    OnPolicyFailure,
    RecordReadValues,
    ServerSilent,
    Verdicts,
)
from modwarden.site._fields import (
    DenialWord,
    Duration,
    FromText,
    FunctionWord,
    Place,
    ScheduleText,
)
from modwarden.site._schema_connections import (
    ProtectionShape,
)
from modwarden.site._schema_points import (
    LimitsShape,
)
from modwarden.site._schema_tls import (
    ServerTlsShape,
    TlsShape,
)
from modwarden.site._shape import Shape

_UnitNumber = Annotated[int, Field(ge=0, le=255)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]


class ServerShape(Shape):
    """A server of a conduit."""

    listen: str | None = Field(
        None,
        description="Where the guard listens for it; a range as in the name. "
        "Not with transparent insertion or a serial client.",
    )
    tls: ServerTlsShape | None = Field(None, description="TLS towards it; without it, Modbus in the clear.")


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


class TransparentShape(Shape):
    """Where the guard's host stands in the wire; nobody is readdressed."""

    clients_on: list[str] = Field(min_length=1, description="Interfaces that lead to the clients.")
    servers_on: str = Field(description="The interface that leads to the servers.")
    layout: Annotated[Layout, FromText] = Field(
        Layout.ROUTED,
        description="routed: two subnets; same_subnet: one, the guard's host answers ARP for both.",
    )
    client_address: Annotated[ClientAddress, FromText] = Field(
        ClientAddress.KEEP, description="Whose address servers see: keep (the client's), or the guard's."
    )
    port: Annotated[int, Field(ge=1024, le=65535)] = Field(
        DIVERTED_PORT, description="Loopback port at which the kernel hands connections to the guard."
    )
    also_pass: list[str] = Field(
        default_factory=list,
        description="What else clients may send past the guard: icmp, tcp PORT, udp PORT.",
    )


class ConduitShape(Shape):
    """The only path between zones, and its rules."""

    from_zones: list[str] = Field(alias="from", min_length=1, description="Zones whose assets are clients.")
    to_zone: str = Field(alias="to", description="The zone of the servers.")
    guard: str | None = Field(
        None, description="The asset its guard runs on; may be left out where there is one."
    )
    insertion: Annotated[Insertion, FromText] = Field(
        Insertion.PROXY,
        description="The guard's place in the path: proxy, transparent, or serial before one client's bus.",
    )
    client: str | None = Field(
        None, description="Where insertion is serial: the asset whose `serial` port the client asks at."
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
    transparent: TransparentShape | None = Field(
        None, description="Interfaces of the guard's host; with `insertion: transparent`."
    )
    servers: dict[str, ServerShape] = Field(min_length=1, description="Servers reached through this conduit.")
    rules: list[RuleShape] = Field(default_factory=list, description="Permits and nevers; a set.")
    protection: ProtectionShape = Field(
        default_factory=ProtectionShape, description="What is declared of its path."
    )
