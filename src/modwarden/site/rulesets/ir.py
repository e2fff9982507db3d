"""
Rule sets in one form, whatever tool wrote them: chains of rules, each a union of boxes and an action.

Kept true here:
* a rule's matches hold every packet that it may match; what an importer does not understand widens them;
* `matches` speaks of packets that begin a connection; replies and the like stand apart;
* a rule with something in `uncertain` is one whose matches may be wider than the rule: the proof lets it open
  paths and never close them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from modwarden.model import Origin
from modwarden.site.rulesets.sets import ALL, IntervalSet


class Hook(StrEnum):
    """Where a base chain stands in the way of a packet."""

    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    POSTROUTING = "postrouting"
    OUTPUT = "output"


class Action(StrEnum):
    """What a rule does with what it matches."""

    ACCEPT = "accept"
    DROP = "drop"
    CONTINUE = "continue"
    JUMP = "jump"
    GOTO = "goto"
    RETURN = "return"
    DNAT = "dnat"
    SNAT = "snat"
    MASQUERADE = "masquerade"
    REDIRECT = "redirect"
    TPROXY = "tproxy"
    """A socket of this host takes it, its destination unchanged; without the socket the rule fails."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of interfaces; a `*` at the end stands for any rest, whichever sign the tool has for it."""

    patterns: tuple[str, ...]
    is_negated: bool = False

    def holds(self, name: str) -> bool:
        """Say whether a name is among them."""
        return self.is_negated != any(_fits(pattern, name) for pattern in self.patterns)


# What connection tracking says of a packet; the proof asks for the first of a connection, which is new.
STATES = frozenset({"new", "established", "related", "invalid", "untracked"})
NEW = "new"


class Kind(StrEnum):
    """What a destination is to the host that asks: its own address, or one of all hosts or of many."""

    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of destinations, known only where the host is."""

    kinds: tuple[Kind, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A box of packets: the conjunction of what it says of each dimension."""

    source: IntervalSet = ALL
    destination: IntervalSet = ALL
    service: IntervalSet = ALL
    source_port: IntervalSet = ALL
    inward: tuple[Names, ...] = ()
    outward: tuple[Names, ...] = ()
    states: frozenset[str] = STATES
    kinds: tuple[Kinds, ...] = ()

    def and_also(self, other: "Match") -> "Match":
        """Give the box of packets that both hold."""
        return Match(
            self.source & other.source,
            self.destination & other.destination,
            self.service & other.service,
            self.source_port & other.source_port,
            self.inward + other.inward,
            self.outward + other.outward,
            self.states & other.states,
            self.kinds + other.kinds,
        )


ANY = Match()


@dataclass(frozen=True, slots=True)
class Translation:
    """What a NAT rule writes: addresses, or none to keep them, and ports likewise."""

    addresses: IntervalSet | None = None
    ports: IntervalSet | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, with the place where it stands and its own words."""

    matches: tuple[Match, ...]
    action: Action
    origin: Origin
    text: str
    target: str | None = None
    translation: Translation | None = None
    uncertain: tuple[str, ...] = ()
    of_all_states: tuple[Match, ...] = ()
    """Its matches, also those for packets that begin no connection; `matches` has those that do."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; with a hook it is where packets come in."""

    name: str
    rules: tuple[Rule, ...]
    origin: Origin
    hook: Hook | None = None
    priority: int = 0
    accepts: bool = True
    is_nat: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Chains that may jump to each other; `packets` is the family that they see."""

    name: str
    packets: IntervalSet
    chains: dict[str, Chain]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All that one file holds, and what was made wider than it says."""

    tables: tuple[Table, ...] = ()
    remarks: tuple[tuple[Origin, str], ...] = field(default=())


def _fits(pattern: str, name: str) -> bool:
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name
