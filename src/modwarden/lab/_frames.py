"""The attacker's bytes: well-formed requests built by pymodbus, and frames that no standard knows."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from ._air_handling_unit import FAN_ENABLE, TEMPERATURE_SETPOINT, setpoint_registers

if TYPE_CHECKING:
    import random

    from pymodbus.pdu import ModbusPDU

_FRAMER = FramerSocket(DecodePDU(is_server=False))


def read_setpoint(unit_id: int) -> bytes:
    return _frame(ReadHoldingRegistersRequest(address=TEMPERATURE_SETPOINT, count=2, dev_id=unit_id))


def write_setpoint_with_code_16(unit_id: int, degc: float) -> bytes:
    """Write Multiple Registers (0x10), as the HMI itself does."""
    registers = setpoint_registers(degc)
    return _frame(
        WriteMultipleRegistersRequest(
            address=TEMPERATURE_SETPOINT, count=2, registers=registers, dev_id=unit_id
        )
    )


def write_setpoint_with_code_6(unit_id: int, degc: float) -> bytes:
    """Write Single Register (0x06): the high word alone moves a float32 far enough."""
    registers = setpoint_registers(degc)[:1]
    return _frame(
        WriteSingleRegisterRequest(address=TEMPERATURE_SETPOINT, registers=registers, dev_id=unit_id)
    )


def write_setpoint_with_code_23(unit_id: int, degc: float) -> bytes:
    """Read/Write Multiple Registers (0x17): a write that a list of write codes easily forgets."""
    return _frame(
        ReadWriteMultipleRegistersRequest(
            read_address=TEMPERATURE_SETPOINT,
            read_count=2,
            write_address=TEMPERATURE_SETPOINT,
            write_registers=setpoint_registers(degc),
            dev_id=unit_id,
        )
    )


def stop_fan(unit_id: int) -> bytes:
    """Write Single Coil (0x05)."""
    return _frame(WriteSingleCoilRequest(address=FAN_ENABLE, bits=[False], dev_id=unit_id))


def bare_function_code(unit_id: int, function_code: int) -> bytes:
    """One code with two empty words behind it: enough to learn whether the code is known."""
    return adu(unit_id, bytes((function_code, 0, 0, 0, 0)))


def malformed_frames(unit_id: int, dice: random.Random) -> list[bytes]:
    """Build frames that break the header, the length or the PDU; the same ones for the same dice."""
    good = read_setpoint(unit_id)
    return [
        good[:2] + b"\x00\x01" + good[4:],  # protocol id 1
        good[:4] + b"\x00\x00" + good[6:],  # length 0
        good[:4] + b"\x00\x01" + good[6:],  # length of a unit id without a PDU
        good[:4] + struct.pack(">H", 400) + good[6:] + bytes(394),  # length over 254
        good[:-3],  # cut short, and nothing follows
        adu(unit_id, b"\x10\x00\x64\x00\x02\x06\x42\x0c\x00\x00"),  # byte count says 6, 4 follow
        adu(unit_id, b"\x10\x00\x64\x00\x00\x00"),  # quantity 0
        adu(unit_id, b"\x03\x00\x00\x00\x7e"),  # 126 registers, the standard ends at 125
        adu(unit_id, b"\x03\xff\xff\x00\x02"),  # runs over the last address
        adu(unit_id, b"\x05\x00\x00\x12\x34"),  # a coil is 0x0000 or 0xFF00
        adu(unit_id, b"\x00"),  # function code 0
        adu(unit_id, b"\x90\x01"),  # an exception as a request
        dice.randbytes(64),
        dice.randbytes(300),
    ]


def adu(unit_id: int, pdu: bytes) -> bytes:
    """Put an MBAP header with transaction id 1 before a PDU."""
    return struct.pack(">HHHB", 1, 0, 1 + len(pdu), unit_id) + pdu


def _frame(pdu: ModbusPDU) -> bytes:
    pdu.transaction_id = 1
    return bytes(_FRAMER.buildFrame(pdu))
