"""A request of the record, made into a question again."""

from collections.abc import Mapping
from typing import Any

from modwarden.audit import READ_TABLES, WRITE_TABLES
from modwarden.guard import KnownValues, Question
from modwarden.model import READ_WRITE_REGISTERS, Span, Table
from modwarden.policy.errors import QuestionError
from modwarden.policy.request import RequestWords, compose_pdu
from modwarden.policy.undeclared import WORD


def question_of_record(row: Mapping[str, Any]) -> Question:
    """
    Make the question that the guard had to decide when it wrote this row.

    Raises:
        QuestionError: the row is no request, or does not hold all of one.
    """
    is_undeclared = str(row["reason"] or "").startswith(WORD) and row["unit_id"] is not None
    has_place = row["server"] is not None or is_undeclared
    if row["function_code"] is None or row["policy"] is None or not has_place:
        raise QuestionError(f"record {row['sequence']} is {row['kind']}, not a request that a policy decided")
    return Question(
        conduit=row["conduit"],
        client=row["client_address"],
        role=row["role"],
        server=row["server"],
        unit_id=row["unit_id"],
        pdu=_pdu(row),
        at_unix_s=row["time"] // 1_000_000_000,
        known=_known(row),
    )


def _pdu(row: Mapping[str, Any]) -> bytes:
    if row["pdu"] is not None:
        return bytes(row["pdu"])
    code = int(row["function_code"])
    if code == READ_WRITE_REGISTERS:
        return _read_write_pdu(row)
    table, values = WRITE_TABLES.get(code), row["values"]
    if table is not None:
        return compose_pdu(RequestWords(_span(table, row), tuple(values), code))
    if code in READ_TABLES:
        return compose_pdu(RequestWords(_span(READ_TABLES[code], row), None, code))
    sub_function = row["sub_function"]
    if sub_function is None:
        return bytes([code])
    raise QuestionError(f"record {row['sequence']}: function {code}/{sub_function} is not kept in full")


def _span(table: Table, row: Mapping[str, Any]) -> Span:
    return Span(table, row["address"], row["address"] + row["quantity"] - 1)


def _read_write_pdu(row: Mapping[str, Any]) -> bytes:
    numbers = (row["address"], row["quantity"], row["write_address"], row["write_quantity"])
    data = b"".join(number.to_bytes(2, "big") for number in row["values"])
    head = b"".join(number.to_bytes(2, "big") for number in numbers)
    return bytes([READ_WRITE_REGISTERS]) + head + bytes([len(data)]) + data


def _known(row: Mapping[str, Any]) -> tuple[KnownValues, ...]:
    """Give the values the guard knew then, as old as they were then."""
    values, table = row["previous_values"], WRITE_TABLES.get(row["function_code"])
    if values is None or table is None:
        return ()
    is_both = row["function_code"] == READ_WRITE_REGISTERS
    address = row["write_address"] if is_both else row["address"]
    return (KnownValues(table, address, list(values), _age_ms(row["time"], row["previous_time"])),)


def _age_ms(time_ns: int, known_ns: int | None) -> int:
    if known_ns is None:
        return 0
    return max((time_ns - known_ns) // 1_000_000, 0)
