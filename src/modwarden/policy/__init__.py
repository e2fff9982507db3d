"""Ask the policy: explain one request, run the site's own tests."""

from modwarden.policy.errors import QuestionError, RequestTextError
from modwarden.policy.explain import explain_asked, explain_recorded
from modwarden.policy.question import Asked, parse_known
from modwarden.policy.render import render_explanation, render_rules
from modwarden.policy.request import parse_request
from modwarden.policy.testing import PolicyTestResult, check_policy_tests, run_policy_tests

__all__ = [
    "Asked",
    "PolicyTestResult",
    "QuestionError",
    "RequestTextError",
    "check_policy_tests",
    "explain_asked",
    "explain_recorded",
    "parse_known",
    "parse_request",
    "render_explanation",
    "render_rules",
    "run_policy_tests",
]
