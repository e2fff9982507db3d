"""A conduit: the only path between zones, the guard in it, and its rules."""

from dataclasses import dataclass, field
from enum import StrEnum

from modwarden.model.line import SerialPort
from modwarden.model.names import AssetName, ConduitName, ZoneName
from modwarden.model.network import Address
from modwarden.model.origin import Origin
from modwarden.model.rule import Denial, Rule
from modwarden.model.tls import ServerTls, Tls
from modwarden.model.transparent import Transparent


class Insertion(StrEnum):
    """How the guard stands in the path."""

    PROXY = "proxy"
    TRANSPARENT = "transparent"
    SERIAL = "serial"


class Verdicts(StrEnum):
    """Whether verdicts bind."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class ServerSilent(StrEnum):
    """What a client sees when its server does not answer in time."""

    EXCEPTION = "exception"
    SILENCE = "silence"
    CLOSE = "close"


class OnJournalFailure(StrEnum):
    """What happens to requests that need a record while the journal fails."""

    DENY_WRITES = "deny_writes"
    DENY_ALL = "deny_all"
    PERMIT = "permit"


class OnGuardFailure(StrEnum):
    """What the path is without its guard."""

    CLOSED = "closed"
    OPEN = "open"


class OnPolicyFailure(StrEnum):
    """What stands in for a policy that cannot be read."""

    LAST_GOOD = "last_good"
    DENY = "deny"


class RecordReadValues(StrEnum):
    """Which values read are recorded."""

    ALL = "all"
    CHANGES = "changes"
    NONE = "none"


class Encryption(StrEnum):
    """What hides and authenticates a conduit's traffic on its way."""

    NONE = "none"
    TLS = "tls"
    WIREGUARD = "wireguard"
    IPSEC = "ipsec"


class Isolation(StrEnum):
    """How far a conduit's path is apart from others (SR 5.1)."""

    LOGICAL = "logical"
    PHYSICAL = "physical"
    ONE_WAY = "one_way"


@dataclass(frozen=True, slots=True)
class Protection:
    """What the operator declares of a conduit beside its rules; nothing here is believed by the proof."""

    countermeasures: tuple[str, ...] = ()
    encryption: Encryption | None = None
    isolation: Isolation | None = None


@dataclass(frozen=True, slots=True)
class OnFailure:
    """The operator's choice for each failure of a conduit."""

    journal: OnJournalFailure = OnJournalFailure.DENY_WRITES
    guard: OnGuardFailure = OnGuardFailure.CLOSED
    policy: OnPolicyFailure = OnPolicyFailure.LAST_GOOD


@dataclass(frozen=True, slots=True)
class Budgets:
    """
    What clients can make a conduit spend.

    1024 sessions are five connections to each of 200 servers; one client may hold 256 so that an
    HMI reaches 200 servers and a flood still leaves three quarters. 16 open requests are the most
    that the TCP guide (V1.0b) names for a server's transactions.
    """

    sessions: int = 1024
    sessions_per_client: int = 256
    open_requests: int = 16
    queued_requests: int = 64
    denial_rows_per_second: int = 20


@dataclass(frozen=True, slots=True, order=True)
class Socket:
    """An address and a port."""

    address: Address
    port: int

    def __str__(self) -> str:
        # RFC 3986 §3.2.2: brackets keep the colons of IPv6 apart from the port's.
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerBinding:
    """A server of a conduit, and where its clients reach it: a socket, or a serial port."""

    asset: AssetName
    listen: Socket | SerialPort
    tls: ServerTls | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Conduit:
    """A conduit in the sense of IEC 62443-3-2, with the rules that hold in it."""

    name: ConduitName
    from_zones: tuple[ZoneName, ...]
    to_zone: ZoneName
    guard: AssetName
    insertion: Insertion = Insertion.PROXY
    verdicts: Verdicts = Verdicts.ENFORCE
    denial: Denial = 1
    server_silent: ServerSilent = ServerSilent.EXCEPTION
    idle_timeout_ms: int = 30_000
    deadline_ms: int = 500
    on_failure: OnFailure = field(default_factory=OnFailure)
    record_read_values: RecordReadValues = RecordReadValues.CHANGES
    budgets: Budgets = field(default_factory=Budgets)
    tls: Tls | None = None
    transparent: Transparent | None = None
    servers: tuple[ServerBinding, ...] = ()
    client: AssetName | None = None
    rules: tuple[Rule, ...] = ()
    protection: Protection = field(default_factory=Protection)
    origin: Origin = field(default=Origin("", 0), compare=False)
