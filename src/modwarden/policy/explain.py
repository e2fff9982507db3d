"""Ask the policy why: of a request in words, or of one in the record."""

from modwarden.audit import JournalDirectory, record
from modwarden.guard import CompiledPolicy, Explanation, Question
from modwarden.guard.compile_site import compile_document
from modwarden.model import AssetName, Site
from modwarden.policy.errors import QuestionError
from modwarden.policy.question import Asked, compose_question
from modwarden.policy.recorded import question_of_record
from modwarden.policy.undeclared import with_undeclared


def explain_asked(site: Site, asked: Asked, guard: str | None = None) -> Explanation:
    """
    Say how today's site file decides a request in words.

    Raises:
        QuestionError, RequestTextError, PointValueError: the words make no question.
        DocumentError: the core does not accept the compiled site.
    """
    question = compose_question(site, asked)
    document = compile_document(site, guard or guard_before(site, asked.server))
    return _explain(document, question)


def explain_recorded(journal: JournalDirectory, sequence: int) -> Explanation:
    """
    Say how the policy of that time decides a recorded request.

    Counters such as `per_minute` are not in the record; they are taken as unused.

    Raises:
        QuestionError: the record is no request, or its policy is not kept.
        QueryError: no record has that sequence.
    """
    row = record(journal, sequence)
    if row["request_sequence"] is not None:
        row = record(journal, row["request_sequence"])
    question = question_of_record(row)
    path = journal.policies / f"{row['policy']}.json"
    try:
        document = path.read_bytes()
    except OSError as error:
        raise QuestionError(f"record {sequence} was decided by a policy that is not kept: {path}") from error
    return _explain(document, question)


def _explain(document: bytes, question: Question) -> Explanation:
    return with_undeclared(CompiledPolicy(document).explain(question), question, document)


def guard_before(site: Site, server: str) -> AssetName:
    """
    Name the guard whose conduit leads to a server.

    Raises:
        QuestionError: none does.
    """
    asset = site.assets.get(AssetName(server))
    reached = {server} if asset is None else {asset.name, asset.via}
    for conduit in site.conduits.values():
        if any(binding.asset in reached for binding in conduit.servers):
            return conduit.guard
    raise QuestionError(f"no conduit leads to {server!r}")
