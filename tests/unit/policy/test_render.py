"""What an explanation says to a person."""

from modwarden.guard import Explanation, RuleTrace
from modwarden.policy.render import render_explanation


def test_no_nearest_rule_is_offered_where_a_never_forbids() -> None:
    nearest = RuleTrace(rule="reads", kind="permit", matched=False, failed=())
    explanation = Explanation(
        conduit=None,
        verdict="deny",
        rule="stop",
        reason="never: stop",
        word="never",
        answer=None,
        essential=False,
        nearest=nearest,
    )
    told = list(render_explanation(explanation))

    assert told == ["DENY by rule stop: never: stop", "no permit can help: a `never` beats them all"]
