"""Errors of asking the policy, each with its fault."""

from modwarden.errors import ModwardenError


class RequestTextError(ModwardenError):
    """The words of a request do not make one; the text says what would."""

    exit_code = 2


class QuestionError(ModwardenError):
    """The question names something the site or journal does not have."""

    exit_code = 2
