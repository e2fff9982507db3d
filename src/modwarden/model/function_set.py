"""Function sets: the catalogue of function codes, and the words rules use for them."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Codes whose first byte or two after the code name a function of its own.
_SUB_MAX = {8: 0xFFFF, 43: 0xFF, 90: 0xFF}
_CODE = re.compile(r"^(0[xX][0-9A-Fa-f]+|\d+)(?:/(0[xX][0-9A-Fa-f]+|\d+))?$")
_SET = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$")
READ_WRITE_REGISTERS = 23
_WORDS = re.compile(r"[a-z0-9_.]+")


class FunctionSelectorError(ValueError):
    """A word that names no function; its text says why."""


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the catalogue: a code, or a sub-function of one; 23 stands in two sets."""

    function_code: int
    sub_function: int | None
    name: str
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionSelector:
    """What a rule's word names: a set and all below it, a code, or a sub-function of a code."""

    function_set: str | None = None
    function_code: int | None = None
    sub_function: int | None = None

    def covers(self, function: Function, function_set: str) -> bool:
        """Say whether it names the part of `function` that is in `function_set`."""
        if self.function_set is not None:
            return function_set == self.function_set or function_set.startswith(self.function_set + ".")
        if self.function_code != function.function_code:
            return False
        return self.sub_function is None or self.sub_function == function.sub_function

    def __str__(self) -> str:
        if self.function_set is not None:
            return self.function_set
        return (
            str(self.function_code)
            if self.sub_function is None
            else f"{self.function_code}/{self.sub_function}"
        )


@cache
def function_catalogue() -> tuple[Function, ...]:
    """Read the catalogue of function codes that ships with the package."""
    text = resources.files("modwarden.model").joinpath("modbus_fc.csv").read_text(encoding="utf-8")
    return tuple(
        Function(
            int(row["fc_dec"]),
            int(row["sub"]) if row["sub"] else None,
            row["name"],
            tuple(_WORDS.findall(row["set"])),
        )
        for row in csv.DictReader(text.splitlines())
    )


@cache
def function_sets() -> tuple[str, ...]:
    """List every set a rule may name, parents such as `diagnostics` included."""
    leaves = {name for function in function_catalogue() for name in function.sets}
    parents = {name.rpartition(".")[0] for name in leaves if "." in name}
    return tuple(sorted(leaves | parents))


def parse_function(word: str) -> FunctionSelector:
    """
    Read `read`, `diagnostics`, `diagnostics.*`, `3`, `0x10`, `8/4`, `43/14` or `90/0x41`.

    Raises:
        FunctionSelectorError: no set has that name, or no code that number.
    """
    match = _CODE.match(word)
    if match:
        return _parse_code(word, match[1], match[2])
    name = word.removesuffix(".*")
    if not _SET.match(word) or name not in function_sets():
        raise FunctionSelectorError(f"no function set is named {word!r}")
    return FunctionSelector(function_set=name)


def _parse_code(word: str, code_text: str, sub_text: str | None) -> FunctionSelector:
    code = _number(code_text)
    # V1.1b3 §4.1: 1..127; 0 is not valid and 128 up are exceptions.
    if not 1 <= code <= 127:
        raise FunctionSelectorError(f"{word!r} is no function code; they are 1 to 127")
    if sub_text is None:
        return FunctionSelector(function_code=code)
    sub = _number(sub_text)
    if code not in _SUB_MAX or sub > _SUB_MAX[code]:
        raise FunctionSelectorError(
            f"{word!r}: only 8, 43 and 90 have sub-functions, up to 65535, 255 and 255"
        )
    return FunctionSelector(function_code=code, sub_function=sub)


def _number(text: str) -> int:
    return int(text, 16) if text[:2].lower() == "0x" else int(text)
