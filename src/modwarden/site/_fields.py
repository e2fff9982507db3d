"""Field types of the site file: how a word becomes a value, and how the JSON Schema shows it."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from modwarden.model import (
    EXCEPTION_CODES,
    FOUNDATIONAL_REQUIREMENTS,
    FunctionSelector,
    FunctionSelectorError,
    Network,
    Port,
    Refusal,
    ScheduleError,
    SecurityLevel,
    Span,
    Voltage,
    Window,
    function_sets,
    parse_function,
    parse_schedule,
)
from modwarden.site import _quantities, _words
from modwarden.site.problems import Mistake, did_you_mean

_LEVELS = {"field": 0, "control": 1, "dmz": 2, "enterprise": 3, "internet": 5}
_SL_NUMBER = {"type": "integer", "minimum": 0, "maximum": 4}


def _told(parse: Callable[[Any], Any]) -> BeforeValidator:
    """Let pydantic report a mistake with its own name and hint."""

    def validate(value: object) -> object:
        try:
            return parse(value)
        except Mistake as mistake:
            context = {"what": mistake.what, "hint": mistake.hint}
            raise PydanticCustomError(mistake.name, "{what}", context) from mistake

    return BeforeValidator(validate)


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise Mistake("bad-network", f"{value!r} is no network", "write it like 10.11.0.0/16")
    return _words.parse_network(value)


def _function(value: object) -> FunctionSelector:
    try:
        return parse_function(str(value))
    except FunctionSelectorError as error:
        sets = function_sets()
        hint = did_you_mean(str(value), sets, f"use a code such as 3 or 8/4, or a set: {', '.join(sets)}")
        raise Mistake("unknown-function", str(error), hint) from error


def _schedule(value: object) -> tuple[Window, ...]:
    try:
        return parse_schedule(value if isinstance(value, str) else "")
    except ScheduleError as error:
        raise Mistake(
            "bad-schedule", str(error), 'write it like "Mon-Fri 07:00-17:00, Sat 08:00-12:00"'
        ) from error


def _denial(value: object) -> int | Refusal:
    if isinstance(value, str) and value in list(Refusal):
        return Refusal(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in EXCEPTION_CODES:
        return value
    codes = ", ".join(str(code) for code in EXCEPTION_CODES)
    raise Mistake(
        "bad-denial", f"{value!r} is no denial", f"use an exception code ({codes}), silence or reset"
    )


def _level(value: object) -> int:
    if isinstance(value, str) and value in _LEVELS:
        return _LEVELS[value]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 5:
        return value
    raise Mistake("bad-level", f"{value!r} is no level", f"write 0 to 5, or one of {', '.join(_LEVELS)}")


def _security_level(value: object) -> SecurityLevel:
    if isinstance(value, dict) and set(value) == set(FOUNDATIONAL_REQUIREMENTS):
        first, *rest = (_sl(value[fr]) for fr in FOUNDATIONAL_REQUIREMENTS)
        return SecurityLevel((first, *rest))  # type: ignore[arg-type]
    if isinstance(value, dict):
        what = f"{', '.join(map(str, value))}: a vector has each of the seven foundational requirements once"
        raise Mistake(
            "bad-sl-t", what, f"write {{{', '.join(f'{fr}: 2' for fr in FOUNDATIONAL_REQUIREMENTS)}}}"
        )
    return SecurityLevel.of(_sl(value))


def _sl(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 4:
        return value
    raise Mistake("bad-sl-t", f"{value!r} is no security level", "they are 0 to 4 (IEC 62443-1-1)")


def _pair(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise Mistake("bad-limits", f"{value!r} is no range of values", "write it like [18, 24]")
    return tuple(value)


Duration = Annotated[
    int,
    _told(_words.parse_duration),
    _text(r"^\d+(\.\d+)?\s*(ms|s|m|min|h|d)$", "500ms", "30s", "1h", "400d"),
]


def _lasting(shortest: str, longest: str) -> BeforeValidator:
    """Read a duration between two others."""
    low, high = _words.parse_duration(shortest), _words.parse_duration(longest)

    def parse(value: object) -> int:
        duration = _words.parse_duration(value)
        if not low <= duration <= high:
            what = f"{value!r} is not between {shortest} and {longest}"
            raise Mistake("out-of-range", what, f"write a duration from {shortest} to {longest}")
        return duration

    return _told(parse)


_DURATION = _text(r"^\d+(\.\d+)?\s*(ms|s|m|min|h|d)$", "500ms", "2s", "1h")
OcspTimeout = Annotated[int, _lasting("100ms", "10s"), _DURATION]
OcspAge = Annotated[int, _lasting("1s", "24h"), _DURATION]
ResponderText = Annotated[
    str,
    _told(_words.parse_responder),
    WithJsonSchema(
        {
            "anyOf": [{"const": "from_certificate"}, {"type": "string", "pattern": "^http://"}],
            "examples": ["http://10.20.0.9:2560/"],
        }
    ),
]
Size = Annotated[int, _told(_words.parse_size), _text(r"^\d+(\.\d+)?\s*([kKMGT]i?)?B$", "500MB", "200GB")]
Place = Annotated[
    Span,
    _told(_words.parse_span),
    _text(
        r"^(coil|discrete_input|input_register|holding_register)\s+\d+(\s*-\s*\d+)?$",
        "holding_register 100-101",
        "coil 0",
    ),
]
Prefix = Annotated[Network, _told(_network), _text(r"^[0-9a-fA-F.:]+(/\d+)?$", "10.11.0.0/16")]
FunctionWord = Annotated[
    FunctionSelector,
    _told(_function),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 127}, {"type": "string"}]}),
]
ScheduleText = Annotated[
    tuple[Window, ...],
    _told(_schedule),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 07:00-17:00"]}),
]
DenialWord = Annotated[
    int | Refusal,
    _told(_denial),
    WithJsonSchema({"anyOf": [{"enum": list(EXCEPTION_CODES)}, {"enum": [word.value for word in Refusal]}]}),
]
ValueRange = Annotated[
    tuple[float, float],
    _told(_pair),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]
LevelWord = Annotated[
    int,
    _told(_level),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 5}, {"enum": list(_LEVELS)}]}),
]
SecurityLevelWord = Annotated[
    SecurityLevel,
    _told(_security_level),
    WithJsonSchema(
        {
            "anyOf": [
                _SL_NUMBER,
                {
                    "type": "object",
                    "properties": dict.fromkeys(FOUNDATIONAL_REQUIREMENTS, _SL_NUMBER),
                    "additionalProperties": False,
                    "required": list(FOUNDATIONAL_REQUIREMENTS),
                },
            ]
        }
    ),
]
PortWord = Annotated[
    Port, _told(_words.parse_port), _text(r"^(tcp|udp)/\d+(-\d+)?$", "tcp/443", "tcp/5000-5010")
]
FlowPortWord = Annotated[
    Port,
    _told(_words.parse_flow_port),
    _text(r"^((tcp|udp)/\d+(-\d+)?|icmp)$", "tcp/443", "udp/123", "icmp"),
]
VoltageText = Annotated[
    Voltage, _told(_quantities.parse_voltage), _text(r"^\d+(\.\d+)? ?(VDC|VRMS)$", "5000 VDC")
]
Bound = Annotated[
    tuple[float, bool], _told(_quantities.parse_cmti), _text(r"^>?\d+(\.\d+)? ?kV/(us|µs)$", ">100 kV/us")
]
DataRate = Annotated[
    float, _told(_quantities.parse_data_rate), _text(r"^\d+(\.\d+)? ?[kM]?bit/s$", "150 Mbit/s")
]
TemperatureRange = Annotated[
    tuple[float, float],
    _told(_quantities.parse_temperatures),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]
# Words of an enum arrive as text, which strict mode alone would refuse.
FromText = Strict(strict=False)
