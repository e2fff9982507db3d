"""The event's columns, as the journal's files hold them."""

import pyarrow as pa

_TIME = pa.timestamp("ns", "UTC")
_RAW = pa.list_(pa.uint16())

EVENT_SCHEMA = pa.schema(
    [
        ("sequence", pa.uint64()),
        ("time", _TIME),
        ("clock", pa.bool_()),
        ("kind", pa.string()),
        ("guard", pa.string()),
        ("conduit", pa.string()),
        ("session", pa.uint64()),
        ("client", pa.string()),
        ("client_address", pa.string()),
        ("client_port", pa.uint16()),
        ("identity", pa.string()),
        ("role", pa.string()),
        ("server", pa.string()),
        ("server_address", pa.string()),
        ("unit_id", pa.uint8()),
        ("transaction_id", pa.uint16()),
        ("function_code", pa.uint8()),
        ("sub_function", pa.uint16()),
        ("address", pa.uint16()),
        ("quantity", pa.uint16()),
        ("write_address", pa.uint16()),
        ("write_quantity", pa.uint16()),
        ("values", _RAW),
        ("response_values", _RAW),
        ("previous_values", _RAW),
        ("previous_time", _TIME),
        ("verdict", pa.string()),
        ("rule", pa.string()),
        ("policy", pa.string()),
        ("grant", pa.string()),
        ("reason", pa.string()),
        ("exception_code", pa.uint8()),
        ("latency_us", pa.uint32()),
        ("request_sequence", pa.uint64()),
        ("pdu", pa.binary()),
        ("count", pa.uint64()),
    ]
)
# The journal's own proof, behind the event's columns.
PROOF_SCHEMA = pa.schema([("digest", pa.binary()), ("signature", pa.binary()), ("public_key", pa.binary())])
JOURNAL_SCHEMA = pa.schema([*EVENT_SCHEMA, *PROOF_SCHEMA])

# As crates/event/src/kind.rs and `Outcome` name them; a test holds them against each other.
EVENT_KINDS = (
    "request.permitted",
    "request.denied",
    "request.observed",
    "request.outcome",
    "request.summary",
    "session.summary",
    "response.unsolicited",
    "response.summary",
    "session.opened",
    "session.closed",
    "session.refused",
    "modbus.invalid_function_code",
    "modbus.invalid_length",
    "modbus.invalid_value",
    "modbus.invalid_exception_code",
    "modbus.invalid_protocol_id",
    "modbus.value_mismatch",
    "modbus.flooded",
    "modbus.tolerated",
    "policy.reloaded",
    "policy.rejected",
    "guard.started",
    "guard.away",
    "guard.stopped",
    "journal.checkpoint",
    "journal.segment_opened",
    "journal.sealed",
    "journal.gap",
    "journal.recovered",
    "journal.retired",
    "journal.key_changed",
    "line.opened",
    "line.lost",
    "clock.stepped",
    "clock.synchronised",
    "clock.unsynchronised",
    "internal.error",
    "tls.refused",
    "tls.server_refused",
    "tls.server_known",
    "tls.tolerated",
    "tls.reloaded",
    "tls.expiring",
)
VERDICTS = ("permit", "deny")
