"""
Chains of one hook as a list of outcomes: boxes of packets that pass, each with the rule that lets it.

A chain is read from its end: what passes is what passes behind a rule, and the rule adds to it or takes away.
Theory: with P the packets that pass behind a rule that matches M,

    accept      P or M           drop      P without M
    jump        the other chain, each of its rules held to M, before P
    goto        the same, before the policy
    tproxy      P and M: what the socket takes, and what goes on where there is none
    return      P without M, or what M shares with R, which passes behind the jump that led here

Kept true here:
* outcomes stand in the order of the rules: the first box that holds a packet names the rule that decides;
* a rule that is uncertain adds and never takes away; once there are more boxes than `MOST_BOXES` nothing is
  taken away any more, and that is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from modwarden.site.proof.space import Box, meet, without
from modwarden.site.rulesets import Action, Chain, Rule, RulesetError, Table, Translation

# Beyond it each further drop would cost seconds; 5,000 rules of a hand-written set stay far below it.
MOST_BOXES = 200_000
# As the kernel's NFT_JUMP_STACK_SIZE.
_MOST_JUMPS = 16
_NAT = (Action.DNAT, Action.SNAT, Action.MASQUERADE, Action.REDIRECT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Packets that pass, by which rule (None: the policy), and what is written into them."""

    box: Box
    rule: Rule | None = None
    action: Action = Action.ACCEPT
    translation: Translation | None = None


@dataclass(slots=True)
class ChainReader:
    """Reads the chains of one table; `boxes` holds the boxes of every rule's matches."""

    table: Table
    boxes: dict[int, tuple[Box, ...]]
    is_cut_short: bool = False
    policy: list[Outcome] = field(default_factory=list)

    def outcomes(self, chain: Chain, everything: Sequence[Box]) -> list[Outcome]:
        """
        Give what passes a base chain.

        Raises:
            RulesetError: chains call each other in a circle, or one that is not there.
        """
        self.policy = [Outcome(box) for box in everything] if chain.accepts else []
        # Backwards, so that adding before is appending.
        passing = self._read(chain, tuple(everything), tuple(everything), list(self.policy), 0)
        return passing[::-1]

    def _read(
        self, chain: Chain, may: tuple[Box, ...], must: tuple[Box, ...], after: list[Outcome], depth: int
    ) -> list[Outcome]:
        passing = list(after)
        for rule in reversed(chain.rules):
            here = self._held(rule, may)
            certain = self._held(rule, must) if not rule.uncertain else ()
            if here:
                passing = self._step(chain, rule, here, certain, passing, after, depth)
        return passing

    def _held(self, rule: Rule, guard: tuple[Box, ...]) -> tuple[Box, ...]:
        own = self.boxes[id(rule)]
        return tuple(both for box in guard for one in own if (both := meet(box, one)) is not None)

    def _step(  # noqa: PLR0911  (one return a row of the theory)
        self,
        chain: Chain,
        rule: Rule,
        may: tuple[Box, ...],
        must: tuple[Box, ...],
        passing: list[Outcome],
        after: list[Outcome],
        depth: int,
    ) -> list[Outcome]:
        match rule.action:
            case Action.ACCEPT:
                # Where packets are written to, the first rule alone may do it.
                rest = self._minus(passing, must) if chain.is_nat else passing
                return [*rest, *(Outcome(box, rule) for box in reversed(may))]
            case Action.DROP:
                return self._minus(passing, must)
            case Action.JUMP:
                return self._read(self._target(rule, depth), may, must, passing, depth + 1)
            case Action.GOTO:
                there = self._read(self._target(rule, depth), may, must, self.policy, depth + 1)
                return [*self._minus(passing, must), *_only(there, may)]
            case Action.RETURN:
                return [*self._minus(passing, must), *_only(after, may)]
            case Action.CONTINUE:
                return passing
        written = (Outcome(box, rule, rule.action, rule.translation) for box in reversed(may))
        # A rule whose socket is not there is passed over.
        rest = passing if rule.action is Action.TPROXY else self._minus(passing, must)
        return [*rest, *written]

    def _target(self, rule: Rule, depth: int) -> Chain:
        chain = self.table.chains.get(rule.target or "")
        if chain is None:
            hint = "save the whole rule set, not a part of it"
            raise RulesetError(rule.origin, f"there is no chain {rule.target!r}", hint)
        if depth >= _MOST_JUMPS:
            raise RulesetError(rule.origin, "chains call each other in a circle", "undo one of the jumps")
        return chain

    def _minus(self, passing: list[Outcome], gone: tuple[Box, ...]) -> list[Outcome]:
        for box in gone:
            if len(passing) > MOST_BOXES:
                self.is_cut_short = True
                return passing
            left: list[Outcome] = []
            for outcome in passing:
                if meet(outcome.box, box) is None:
                    left.append(outcome)
                else:
                    left += (replace(outcome, box=rest) for rest in without(outcome.box, box))
            passing = left
        return passing


def _only(outcomes: Sequence[Outcome], boxes: tuple[Box, ...]) -> list[Outcome]:
    return [
        replace(outcome, box=both)
        for outcome in outcomes
        for box in boxes
        if (both := meet(outcome.box, box)) is not None
    ]
