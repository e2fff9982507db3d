"""The rules that a host should run."""

from dataclasses import dataclass

from modwarden.model import Origin
from modwarden.site.rulesets import Ruleset


@dataclass(frozen=True, slots=True)
class Expected:
    """The rules that a host should run, what they are called, and where the site file names them."""

    rulesets: tuple[Ruleset, ...]
    name: str
    origin: Origin
