"""A record becomes the request it was."""

from typing import Any

import pytest

from modwarden.audit.schema import EVENT_SCHEMA
from modwarden.policy import QuestionError
from modwarden.policy.recorded import question_of_record

# UTC nanoseconds, as records hold them.
NOW = 1_795_472_511_510_001_439


def _row(**fields: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(EVENT_SCHEMA.names)
    told = {"sequence": 7, "time": NOW, "kind": "request.denied", "client_address": "10.10.0.5"}
    return empty | told | {"server": "ahu-001", "unit_id": 1, "policy": "ab" * 32} | fields


@pytest.mark.parametrize("row", [_row(), _row(function_code=3, policy=None)])
def test_a_record_that_no_policy_decided_cannot_be_asked(row: dict[str, Any]) -> None:
    with pytest.raises(QuestionError, match="not a request"):
        question_of_record(row)


def test_a_refusal_for_an_undeclared_unit_is_asked_without_a_server() -> None:
    row = _row(function_code=3, address=0, quantity=1, conduit="plant", server=None, unit_id=9)
    question = question_of_record(row | {"reason": "unit_undeclared: unit id 9"})

    assert (question.server, question.conduit, question.unit_id) == (None, "plant", 9)


def test_bytes_that_were_no_request_cannot_be_asked_behind_a_shared_listener() -> None:
    row = _row(kind="modbus.invalid_length", function_code=3, server=None, reason="invalid_length: 3")

    with pytest.raises(QuestionError, match=r"modbus\.invalid_length, not a request"):
        question_of_record(row)


def test_a_sub_function_whose_data_is_not_kept_is_said() -> None:
    with pytest.raises(QuestionError, match="8/1 is not kept in full"):
        question_of_record(_row(function_code=8, sub_function=1))


@pytest.mark.parametrize(
    ("fields", "pdu"),
    [
        ({"function_code": 3, "address": 100, "quantity": 2}, "0300640002"),
        ({"function_code": 5, "address": 3, "quantity": 1, "values": [1]}, "050003ff00"),
        ({"function_code": 15, "address": 0, "quantity": 2, "values": [1, 1]}, "0f000000020103"),
        ({"function_code": 16, "address": 100, "quantity": 1, "values": [9]}, "1000640001020009"),
        ({"function_code": 22, "address": 4, "quantity": 1, "values": [0xF2, 0x25]}, "16000400f20025"),
        (
            {
                "function_code": 23,
                "address": 0,
                "quantity": 1,
                "write_address": 8,
                "write_quantity": 1,
                "values": [5],
            },
            "170000000100080001020005",
        ),
        ({"function_code": 17}, "11"),
        ({"function_code": 65, "pdu": b"\x41\x01"}, "4101"),
    ],
)
def test_the_pdu_is_built_again_from_the_fields(fields: dict[str, Any], pdu: str) -> None:
    assert question_of_record(_row(**fields)).pdu.hex() == pdu


def test_what_the_guard_knew_is_as_old_as_it_was_then() -> None:
    known = {"previous_values": [1, 2], "previous_time": NOW - 3_000_000_000}
    question = question_of_record(_row(function_code=16, address=100, quantity=2, values=[3, 4], **known))

    assert [(value.address, value.values, value.age_ms) for value in question.known] == [(100, [1, 2], 3000)]
