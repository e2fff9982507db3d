"""Pure nouns: what a site is made of. Nothing here opens a socket or reads a clock."""

from modwarden.model.asset import MODBUS_PORT, Asset, Tolerance
from modwarden.model.conduit import (
    Budgets,
    Conduit,
    Insertion,
    OnFailure,
    OnGuardFailure,
    OnJournalFailure,
    OnPolicyFailure,
    RecordReadValues,
    ServerBinding,
    ServerSilent,
    Socket,
    Verdicts,
)
from modwarden.model.finding import Confidence, Evidence, Finding, Severity
from modwarden.model.function_set import (
    READ_WRITE_REGISTERS,
    Function,
    FunctionSelector,
    FunctionSelectorError,
    function_catalogue,
    function_sets,
    parse_function,
)
from modwarden.model.journal import JournalSettings, Syslog
from modwarden.model.limits import Limits, MaxChange
from modwarden.model.line import Framing, Line, Parity, SerialPort
from modwarden.model.names import (
    AssetName,
    ConduitName,
    PointMapName,
    PointName,
    RoleName,
    RuleName,
    UnitId,
    ZoneName,
)
from modwarden.model.network import Address, Network, contains
from modwarden.model.origin import Origin
from modwarden.model.point import (
    Order,
    Point,
    PointMap,
    PointType,
    PointValueError,
    decode_point,
    encode_point,
    parse_value,
    render_registers,
    render_value,
)
from modwarden.model.policy_test import Expectation, PolicyTest
from modwarden.model.principal import Principal
from modwarden.model.rule import EXCEPTION_CODES, Denial, Refusal, Rule, RuleKind
from modwarden.model.schedule import DAY_NAMES, DAY_S, WEEK_S, ScheduleError, Window, parse_schedule
from modwarden.model.site import Site
from modwarden.model.table import LAST_ADDRESS, Span, Table
from modwarden.model.zone import Zone

__all__ = [
    "DAY_NAMES",
    "DAY_S",
    "EXCEPTION_CODES",
    "LAST_ADDRESS",
    "MODBUS_PORT",
    "READ_WRITE_REGISTERS",
    "WEEK_S",
    "Address",
    "Asset",
    "AssetName",
    "Budgets",
    "Conduit",
    "ConduitName",
    "Confidence",
    "Denial",
    "Evidence",
    "Expectation",
    "Finding",
    "Framing",
    "Function",
    "FunctionSelector",
    "FunctionSelectorError",
    "Insertion",
    "JournalSettings",
    "Limits",
    "Line",
    "MaxChange",
    "Network",
    "OnFailure",
    "OnGuardFailure",
    "OnJournalFailure",
    "OnPolicyFailure",
    "Order",
    "Origin",
    "Parity",
    "Point",
    "PointMap",
    "PointMapName",
    "PointName",
    "PointType",
    "PointValueError",
    "PolicyTest",
    "Principal",
    "RecordReadValues",
    "Refusal",
    "RoleName",
    "Rule",
    "RuleKind",
    "RuleName",
    "ScheduleError",
    "SerialPort",
    "ServerBinding",
    "ServerSilent",
    "Severity",
    "Site",
    "Socket",
    "Span",
    "Syslog",
    "Table",
    "Tolerance",
    "UnitId",
    "Verdicts",
    "Window",
    "Zone",
    "ZoneName",
    "contains",
    "decode_point",
    "encode_point",
    "function_catalogue",
    "function_sets",
    "parse_function",
    "parse_schedule",
    "parse_value",
    "render_registers",
    "render_value",
]
