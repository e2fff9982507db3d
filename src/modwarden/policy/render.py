"""An explanation in lines a person can act on."""

from collections.abc import Iterator

from modwarden.guard import Explanation, FailedOperand, RuleTrace
from modwarden.policy.undeclared import render_undeclared


def render_explanation(explanation: Explanation) -> Iterator[str]:
    """Say the verdict, the rule that decided, the operand that failed, and the nearest rule."""
    verdict = explanation.verdict.upper()
    if explanation.verdict == "permit":
        essential = ", essential" if explanation.essential else ""
        yield f"{verdict} by rule {explanation.rule}{essential}"
    else:
        by = f" by rule {explanation.rule}" if explanation.rule else ""
        yield f"{verdict}{by}: {explanation.reason or explanation.word}"
        if explanation.answer:
            yield f"the client is answered: {explanation.answer}"
    if explanation.conduit:
        yield f"conduit: {explanation.conduit}"
    if explanation.undeclared is not None:
        yield from render_undeclared(explanation.undeclared)
    if explanation.word == "never":
        yield "no permit can help: a `never` beats them all"
    elif explanation.nearest is not None:
        yield from _nearest(explanation.nearest)


def render_rules(explanation: Explanation) -> Iterator[str]:
    """Say of every rule of the conduit whether it matched, or the first operand that did not."""
    for rule in explanation.rules:
        if rule.matched:
            yield f"{rule.kind} {rule.rule}: matches"
        else:
            yield f"{rule.kind} {rule.rule}: {'; '.join(map(_operand, rule.failed)) or 'does not match'}"


def _nearest(rule: RuleTrace) -> Iterator[str]:
    yield f"nearest rule that would permit it: {rule.rule}"
    for operand in rule.failed:
        yield f"  {_operand(operand)}"


def _operand(operand: FailedOperand) -> str:
    return f"{operand.operand}: wanted {operand.wanted}, found {operand.found}"
