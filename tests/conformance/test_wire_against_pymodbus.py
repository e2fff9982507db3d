"""Our parser against pymodbus's encoder and decoder: every code both know, values by chance, both directions.

Chance is drawn from a fixed seed, so that a failure is seen again.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu import bit_message as bits
from pymodbus.pdu import diag_message as diagnostics
from pymodbus.pdu import file_message as files
from pymodbus.pdu import mei_message as mei
from pymodbus.pdu import other_message as other
from pymodbus.pdu import register_message as registers
from tests.doubles.dissect import dissect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymodbus.pdu import ModbusPDU

SEED = 20260101
ROUNDS = 40
MUTATED = 6000
TABLES = {1: "coil", 2: "discrete_input", 3: "holding_register", 4: "input_register"}

# What we take and pymodbus cannot decode, by code.
PYMODBUS_REFUSES = {
    0x14: "pymodbus takes a record's length for bytes and refuses odd ones; V1.1b3 §6.14 counts registers"
}
# What pymodbus decodes and we refuse, by code and the exception we answer with.
LENGTH = "pymodbus leaves out bytes that are left over, and leaves byte counts and values to its server"
PLACE = "pymodbus does not look at reference types, file numbers and record numbers"
PYMODBUS_IS_LAX = {
    **dict.fromkeys(
        ((code, 3) for code in (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43)), LENGTH
    ),
    **dict.fromkeys(((code, 2) for code in (20, 21)), PLACE),
}


def test_every_request_that_pymodbus_encodes_reads_back_as_it_was_meant() -> None:
    chance = random.Random(SEED)
    made = [case for _ in range(ROUNDS) for case in _requests(chance)]
    answers = dissect([{"request": _bytes(pdu).hex()} for pdu, _ in made])
    differ = {
        (_bytes(pdu).hex(), str(answer))
        for (pdu, meant), answer in zip(made, answers, strict=True)
        if any(answer.get(key) != value for key, value in meant.items())
    }

    assert differ == set()


def test_every_reply_that_pymodbus_encodes_is_taken_by_its_request() -> None:
    chance = random.Random(SEED)
    made = [case for _ in range(ROUNDS) for case in _replies(chance)]
    questions = [{"request": _bytes(asked).hex(), "reply": _bytes(reply).hex()} for asked, reply, _ in made]
    differ = {
        (question["request"], question["reply"], str(answer))
        for question, (_, _, meant), answer in zip(questions, made, dissect(questions), strict=True)
        if any(answer.get(key) != value for key, value in meant.items()) or "anomaly" in answer
    }

    assert differ == set()


def test_every_mutated_request_is_judged_alike_or_differs_for_a_known_reason() -> None:
    chance = random.Random(SEED)
    made = [_bytes(pdu) for _ in range(ROUNDS) for pdu, _ in _requests(chance)]
    mutated = [_mutated(chance, chance.choice(made)) for _ in range(MUTATED)]
    ours_alone: Counter[int] = Counter()
    theirs_alone: Counter[tuple[int, int]] = Counter()
    for pdu, answer in zip(mutated, dissect([{"request": pdu.hex()} for pdu in mutated]), strict=True):
        theirs = _decoded(pdu, is_request=True)
        if "refused" in answer and theirs is not None:
            theirs_alone[pdu[0], answer["refused"]] += 1
        elif "refused" not in answer and theirs is None:
            ours_alone[pdu[0]] += 1

    assert (set(ours_alone), set(theirs_alone)) == (set(PYMODBUS_REFUSES), set(PYMODBUS_IS_LAX))


def test_pymodbus_knows_no_code_that_is_not_tried_here() -> None:
    chance = random.Random(SEED)
    tried = {_bytes(pdu)[0] for pdu, _ in _requests(chance)}

    known: set[int] = set(DecodePDU(is_server=True).list_function_codes())  # type: ignore[no-untyped-call]  # theirs
    assert known - tried == set()


def _bytes(pdu: ModbusPDU) -> bytes:
    return bytes([pdu.function_code]) + pdu.encode()


def _decoded(pdu: bytes, *, is_request: bool) -> ModbusPDU | None:
    return DecodePDU(is_server=is_request).decode(pdu)


def _mutated(chance: random.Random, pdu: bytes) -> bytes:
    """One byte other, one less, or one more; the code stays, so that both know what is asked."""
    at = chance.randrange(1, len(pdu) + 1)
    how = chance.randrange(3)
    if how == 0:
        return pdu[:at] + bytes([chance.randrange(256)]) + pdu[at + 1 :]
    return pdu[:at] + (b"" if how == 1 else bytes([chance.randrange(256)])) + pdu[at:][how == 1 :]


def _word(chance: random.Random) -> int:
    return chance.choice([0, 1, 0xFF, 0x100, 0xFFFF, chance.randrange(0x1_0000)])


def _range(chance: random.Random, most: int) -> tuple[int, int]:
    """A first address and a quantity that fit the table."""
    quantity = chance.choice([1, most, chance.randint(1, most)])
    return chance.randint(0, 0x1_0000 - quantity), quantity


def _words(chance: random.Random, quantity: int) -> list[int]:
    return [_word(chance) for _ in range(quantity)]


def _flags(chance: random.Random, quantity: int) -> list[bool]:
    return [chance.random() < 0.5 for _ in range(quantity)]


def _requests(chance: random.Random) -> Iterator[tuple[ModbusPDU, dict[str, Any]]]:
    """Each request, and what reading it must give."""
    yield from _reads(chance)
    yield from _writes(chance)
    yield from _file_requests(chance)
    for kind in (
        other.ReadExceptionStatusRequest,
        other.GetCommEventCounterRequest,
        other.GetCommEventLogRequest,
        other.ReportDeviceIdRequest,
    ):
        yield kind(), {"function_code": kind.function_code, "values": []}
    for diagnostic in _diagnostics():
        yield diagnostic(message=0), {"function_code": 8, "sub_function": diagnostic.sub_function_code}
    read_code, object_id = chance.randint(1, 4), chance.randrange(256)
    yield (
        mei.ReadDeviceInformationRequest(read_code=read_code, object_id=object_id),
        {"function_code": 43, "sub_function": 14},
    )


def _reads(chance: random.Random) -> Iterator[tuple[ModbusPDU, dict[str, Any]]]:
    kinds: list[tuple[type[ModbusPDU], int]] = [
        (bits.ReadCoilsRequest, 2000),
        (bits.ReadDiscreteInputsRequest, 2000),
        (registers.ReadHoldingRegistersRequest, 125),
        (registers.ReadInputRegistersRequest, 125),
    ]
    for kind, most in kinds:
        first, quantity = _range(chance, most)
        reads = [TABLES[kind.function_code], first, quantity]
        yield kind(address=first, count=quantity), {"reads": reads, "writes": None, "values": []}
    first = chance.randint(0, 0xFFFF)
    queue = ["holding_register", first, min(32, 0x1_0000 - first)]
    yield files.ReadFifoQueueRequest(address=first), {"reads": queue, "writes": None}


def _writes(chance: random.Random) -> Iterator[tuple[ModbusPDU, dict[str, Any]]]:
    address, value, is_on = _word(chance), _word(chance), chance.random() < 0.5
    one_coil, one_register = ["coil", address, 1], ["holding_register", address, 1]
    yield (
        bits.WriteSingleCoilRequest(address=address, bits=[is_on]),
        {"writes": one_coil, "values": [int(is_on)]},
    )
    yield (
        registers.WriteSingleRegisterRequest(address=address, registers=[value]),
        {"writes": one_register, "values": [value]},
    )
    masks = [_word(chance), _word(chance)]
    yield (registers.MaskWriteRegisterRequest(address, *masks), {"writes": one_register, "values": masks})
    first, quantity = _range(chance, 1968)
    coils = _flags(chance, quantity)
    yield (
        bits.WriteMultipleCoilsRequest(address=first, bits=coils),
        {"writes": ["coil", first, quantity], "values": [int(coil) for coil in coils]},
    )
    first, quantity = _range(chance, 123)
    words = _words(chance, quantity)
    yield (
        registers.WriteMultipleRegistersRequest(address=first, count=quantity, registers=words),
        {"writes": ["holding_register", first, quantity], "values": words},
    )
    (first, quantity), (read_first, read_quantity) = _range(chance, 121), _range(chance, 125)
    words = _words(chance, quantity)
    yield (
        registers.ReadWriteMultipleRegistersRequest(read_first, read_quantity, first, words),
        {
            "reads": ["holding_register", read_first, read_quantity],
            "writes": ["holding_register", first, quantity],
            "values": words,
        },
    )


def _file_requests(chance: random.Random) -> Iterator[tuple[ModbusPDU, dict[str, Any]]]:
    places = [(chance.randint(1, 0xFFFF), chance.randrange(9_000), chance.randint(1, 20)) for _ in range(3)]
    reads = [files.FileRecord(file_number=a, record_number=b, record_length=2 * c) for a, b, c in places]
    yield files.ReadFileRecordRequest(records=reads), {"records": [list(place) for place in places]}
    words = [_words(chance, length) for _, _, length in places]
    data = [struct.pack(f">{len(written)}H", *written) for written in words]
    writes = [
        files.FileRecord(file_number=file, record_number=record, record_data=bytes_)
        for (file, record, _), bytes_ in zip(places, data, strict=True)
    ]
    meant = [[file, record, written] for (file, record, _), written in zip(places, words, strict=True)]
    yield files.WriteFileRecordRequest(records=writes), {"records": meant}


def _diagnostics() -> list[type[diagnostics.DiagnosticBase]]:
    """Each sub-function's request that pymodbus has."""
    return [pair[0] for pair in DecodePDU.pdu_sub_table[8].values()]  # type: ignore[misc]


def _replies(chance: random.Random) -> Iterator[tuple[ModbusPDU, ModbusPDU, dict[str, Any]]]:
    """Each request, a reply to it, and what reading that must give."""
    for asked, _ in _requests(chance):
        code = chance.choice([1, 2, 3, 4, 5, 6, 8, 10, 11])
        yield asked, ExceptionResponse(asked.function_code, code), {"exception_code": code}
    yield from _replies_with_values(chance)
    for asked, meant in _writes(chance):
        if asked.function_code != 23:
            yield asked, _confirmation(asked), {"values": None} if meant else {}
    yield from _other_replies(chance)


def _replies_with_values(chance: random.Random) -> Iterator[tuple[ModbusPDU, ModbusPDU, dict[str, Any]]]:
    first, quantity = _range(chance, 2000)
    coils = _flags(chance, quantity)
    values = {"values": [int(coil) for coil in coils]}
    yield (bits.ReadCoilsRequest(address=first, count=quantity), bits.ReadCoilsResponse(bits=coils), values)
    yield (
        bits.ReadDiscreteInputsRequest(address=first, count=quantity),
        bits.ReadDiscreteInputsResponse(bits=coils),
        values,
    )
    first, quantity = _range(chance, 125)
    words = _words(chance, quantity)
    yield (
        registers.ReadHoldingRegistersRequest(address=first, count=quantity),
        registers.ReadHoldingRegistersResponse(registers=words),
        {"values": words},
    )
    yield (
        registers.ReadInputRegistersRequest(address=first, count=quantity),
        registers.ReadInputRegistersResponse(registers=words),
        {"values": words},
    )
    yield (
        registers.ReadWriteMultipleRegistersRequest(first, quantity, 0, [1]),
        registers.ReadWriteMultipleRegistersResponse(registers=words),
        {"values": words},
    )
    queue = _words(chance, chance.randint(0, 31))
    yield (
        files.ReadFifoQueueRequest(address=first),
        files.ReadFifoQueueResponse(values=queue),
        {"values": queue},
    )


def _confirmation(asked: ModbusPDU) -> ModbusPDU:
    """Pymodbus's own reply class, filled as its server fills it."""
    reply = DecodePDU(is_server=False).decode(_bytes(asked)[: 5 if asked.function_code in {15, 16} else None])
    assert reply is not None
    return reply


def _other_replies(chance: random.Random) -> Iterator[tuple[ModbusPDU, ModbusPDU, dict[str, Any]]]:
    none: dict[str, Any] = {"values": None}
    yield (other.ReadExceptionStatusRequest(), other.ReadExceptionStatusResponse(), none)
    yield (other.GetCommEventCounterRequest(), other.GetCommEventCounterResponse(count=_word(chance)), none)
    events = [chance.randrange(256) for _ in range(chance.randint(0, 64))]
    log = other.GetCommEventLogResponse(event_count=_word(chance), message_count=_word(chance), events=events)
    yield (other.GetCommEventLogRequest(), log, none)
    yield (other.ReportDeviceIdRequest(), other.ReportDeviceIdResponse(identifier=chance.randbytes(9)), none)
    objects = {0: b"maker", 1: b"product", 2: chance.randbytes(5)}
    yield (mei.ReadDeviceInformationRequest(read_code=1), mei.ReadDeviceInformationResponse(1, objects), none)
    data = chance.randbytes(10)
    yield (
        files.ReadFileRecordRequest([files.FileRecord(4, 1, record_length=10)]),
        files.ReadFileRecordResponse([files.FileRecord(record_data=data)]),
        none,
    )
    records = [files.FileRecord(4, 7, record_data=data)]
    yield (files.WriteFileRecordRequest(records), files.WriteFileRecordResponse(records), none)
    for number, (asked, reply) in DecodePDU.pdu_sub_table[8].items():
        if number != 4:  # a server that falls silent answers nothing
            yield asked(message=0), reply(message=0), none  # type: ignore[call-arg]
