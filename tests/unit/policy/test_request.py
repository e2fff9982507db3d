"""Requests in words become PDUs, or say what would be one."""

import pytest

from modwarden.errors import ModwardenError
from modwarden.model import Point, PointMap, PointMapName, PointName, PointType, Table
from modwarden.policy import RequestTextError, parse_request

POINTS = PointMap(
    PointMapName("ahu"),
    {
        PointName("setpoint"): Point(
            PointName("setpoint"), Table.HOLDING_REGISTER, 100, PointType.FLOAT32, engineering_unit="degC"
        ),
        PointName("level"): Point(PointName("level"), Table.HOLDING_REGISTER, 7, PointType.INT16, scale=0.1),
        PointName("fan"): Point(PointName("fan"), Table.COIL, 3, PointType.BIT),
        PointName("supply"): Point(PointName("supply"), Table.INPUT_REGISTER, 0, PointType.INT16),
    },
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no request"),
        ("increase setpoint 2", "is no request"),
        ("write", "is no request"),
        ("write setpoint", "needs a value"),
        ("write holding_register 100", "needs a value"),
        ("write holding_register", "needs an address"),
        ("write holding_register 100-101 [1]", "2 addresses, but 1 values"),
        ("write holding_register 101-100 [1]", "addresses ascend"),
        ("read holding_register 65536", "addresses ascend"),
        ("read holding_register 0-65535", "quantity of 16 bits"),
        ("read setpoint 21", "a read has no value"),
        ("write input_register 0 [1]", "no function code writes a input_register"),
        ("write discrete_input 0 1", "no function code writes"),
        ("write coil 0 2", "a coil is 0 or 1"),
        ("write holding_register 0 70000", "does not fit 16 bits"),
        ("write holding_register 0 [1, x]", "no number"),
        ("write nowhere 5", "neither a table nor a point"),
        ("fc 6 write holding_register 0 [1, 2]", "function code 6 does not write 2"),
        ("fc 3 read coil 0", "function code 3 does not read a coil"),
        ("fc 22 write holding_register 4 [1]", "AND, OR"),
        ("write holding_register 0-200 [" + ", ".join(["1"] * 201) + "]", "more than one request"),
        ("pdu", "1 to 253 bytes"),
        ("pdu 0g", "not hexadecimal"),
        ("pdu " + "00" * 254, "1 to 253 bytes"),
    ],
)
def test_what_is_no_request_says_what_would_be_one(text: str, says: str) -> None:
    with pytest.raises(RequestTextError, match=says):
        parse_request(text, POINTS)


def test_a_value_that_the_point_cannot_hold_is_the_operators_error() -> None:
    with pytest.raises(ModwardenError) as raised:
        parse_request("write level 0.05", POINTS)

    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "pdu"),
    [
        #                                  fc address quantity/value bytes data
        ("read coil 0-7", "01 0000 0008"),
        ("read discrete_input 5", "02 0005 0001"),
        ("read holding_register 100-101", "03 0064 0002"),
        ("read setpoint", "03 0064 0002"),
        ("read supply", "04 0000 0001"),
        ("write fan on", "05 0003 ff00"),
        ("write coil 3 off", "05 0003 0000"),
        ("write holding_register 100 [99]", "06 0064 0063"),
        ("write holding_register 100 0x63", "06 0064 0063"),
        ("write level -1", "06 0007 fff6"),
        ("fc 16 write level 2.5", "10 0007 0001 02 0019"),
        ("fc 0x0F write fan on", "0f 0003 0001 01 01"),
        ("write coil 0-8 [1, 0, 1, 0, 0, 0, 0, 0, 1]", "0f 0000 0009 02 0501"),
        ("write setpoint 21.5", "10 0064 0002 04 41ac0000"),
        ("write setpoint 21.5 degC", "10 0064 0002 04 41ac0000"),
        ("write setpoint [0x41AC, 0]", "10 0064 0002 04 41ac0000"),
        ("write holding_register 100 [1, 2]", "10 0064 0002 04 00010002"),
        ("fc 22 write holding_register 4 [0xF2, 0x25]", "16 0004 00f2 0025"),
        ("pdu 2B 0E 01 00", "2b0e0100"),
    ],
)
def test_words_become_the_pdu_of_the_standard(text: str, pdu: str) -> None:
    assert parse_request(text, POINTS) == bytes.fromhex(pdu)


def test_without_points_only_tables_have_names() -> None:
    with pytest.raises(RequestTextError, match="has no points"):
        parse_request("read setpoint", None)
