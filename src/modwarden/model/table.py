"""The four tables of the Modbus data model, and spans of addresses in them."""

from dataclasses import dataclass
from enum import StrEnum

# V1.1b3 §4.4: addresses are 16 bits, 0-based.
LAST_ADDRESS = 0xFFFF


class Table(StrEnum):
    """One of the four tables of a server."""

    COIL = "coil"
    DISCRETE_INPUT = "discrete_input"
    INPUT_REGISTER = "input_register"
    HOLDING_REGISTER = "holding_register"

    @property
    def holds_bits(self) -> bool:
        """Say whether each address is one bit, not a register."""
        return self in (Table.COIL, Table.DISCRETE_INPUT)

    @property
    def is_writable(self) -> bool:
        """Say whether any function code writes this table."""
        return self in (Table.COIL, Table.HOLDING_REGISTER)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Addresses of one table, `first` to `last` inclusive."""

    table: Table
    first: int
    last: int

    @property
    def quantity(self) -> int:
        """How many addresses it covers."""
        return self.last - self.first + 1

    def overlaps(self, other: "Span") -> bool:
        """Say whether the two share an address."""
        return self.table == other.table and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        if self.first == self.last:
            return f"{self.table} {self.first}"
        return f"{self.table} {self.first}-{self.last}"
