"""Run the site file's own tests against its own policy."""

from collections.abc import Iterator
from dataclasses import dataclass

from modwarden.errors import ModwardenError
from modwarden.guard import CompiledPolicy, Explanation
from modwarden.guard.compile_site import compile_document
from modwarden.model import AssetName, Finding, PolicyTest, Severity, Site
from modwarden.policy.explain import guard_before
from modwarden.policy.question import asked_by_test, compose_question


@dataclass(frozen=True, slots=True)
class PolicyTestResult:
    """What a test expected, and what the policy said; `problem` where it could not be asked."""

    test: PolicyTest
    explanation: Explanation | None
    problem: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.explanation is not None and self.explanation.verdict == self.test.expect


def run_policy_tests(site: Site) -> Iterator[PolicyTestResult]:
    """Yield the result of each test, in the order of the file."""
    policies: dict[AssetName, CompiledPolicy] = {}
    for test in site.tests:
        try:
            guard = guard_before(site, test.server)
            if guard not in policies:
                policies[guard] = CompiledPolicy(compile_document(site, guard))
            question = compose_question(site, asked_by_test(test))
            yield PolicyTestResult(test, policies[guard].explain(question))
        except ModwardenError as error:
            yield PolicyTestResult(test, None, str(error))


def check_policy_tests(site: Site) -> Iterator[Finding]:
    """Find tests that ask nothing; whether the others pass is for `policy test` to say."""
    for test in site.tests:
        try:
            guard_before(site, test.server)
            compose_question(site, asked_by_test(test))
        except ModwardenError as error:
            yield Finding(
                "unaskable-test",
                Severity.ERROR,
                f"this test asks nothing: {error}",
                "mend its words; until then `policy test` counts it as failed",
                test.origin,
            )
