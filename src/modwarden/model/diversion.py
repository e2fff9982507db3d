"""How the kernel is told to bring connections to the guard: what `harden` writes and a start looks for."""

from dataclasses import dataclass

DIVERT_TABLE = "modwarden_divert"
CLOSED_TABLE = "modwarden_closed"
# "MW" in ASCII: a mark and a routing table that nobody takes by counting from one.
MARK = 0x4D57
ROUTE_TABLE = 19799
# Before the main table's 32766, behind the local table's 0.
RULE_PREFERENCE = 10502


@dataclass(frozen=True, slots=True)
class Diversion:
    """What must be loaded before one transparent conduit may start."""

    conduit: str
    port: int
    clients_on: tuple[str, ...]
    servers_on: str
    families: tuple[int, ...]
    fails_open: bool

    def divert_comment(self, family: int) -> str:
        """Name the rule that brings declared connections of one IP version to the guard."""
        return f"{self.conduit}: diverted v{family}"

    @property
    def closed_comment(self) -> str:
        """Name the rule that refuses TCP towards the servers' interface while nobody takes it."""
        return f"closed towards {self.servers_on}"

    @property
    def open_comment(self) -> str:
        """Name the rule that lets it pass instead."""
        return f"{self.conduit}: open"
