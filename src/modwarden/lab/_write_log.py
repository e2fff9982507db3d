"""Notes each write that reached a unit, so that a drill can hold it against what was recorded on the way."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymodbus.pdu import ModbusPDU

    from ._endpoint import Endpoint

_SINGLE_COIL, _COILS, _SINGLE_REGISTER, _REGISTERS = 0x05, 0x0F, 0x06, 0x10
_WRITES = {_SINGLE_COIL, _COILS, _SINGLE_REGISTER, _REGISTERS}


class WriteLog:
    """One line of JSON for each write, in the order in which they came; the file is to be line-buffered."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def of(self, endpoint: Endpoint) -> Callable[[bool, ModbusPDU], ModbusPDU]:
        """Give what pymodbus is to call with every PDU of one unit."""

        def note(is_sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001  (pymodbus calls it so)
            if not is_sending and pdu.function_code in _WRITES:
                self._append(endpoint, pdu)
            return pdu

        return note

    def _append(self, endpoint: Endpoint, pdu: ModbusPDU) -> None:
        line: dict[str, Any] = {
            "at": round(time(), 3),
            "unit": endpoint.name,
            "host": endpoint.host,
            "function_code": pdu.function_code,
            "address": pdu.address,
            "values": _values(pdu),
        }
        self._file.write(json.dumps(line) + "\n")


def _values(pdu: ModbusPDU) -> list[int]:
    if pdu.function_code in {_SINGLE_COIL, _COILS}:
        count = 1 if pdu.function_code == _SINGLE_COIL else pdu.count
        return [int(bit) for bit in pdu.bits[:count]]
    return list(pdu.registers)
