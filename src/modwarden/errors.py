"""The base of every error that Modwarden raises on purpose."""

from typing import ClassVar


class ModwardenError(Exception):
    """An error with a known fault; `exit_code` is what a command ends with."""

    exit_code: ClassVar[int] = 70
